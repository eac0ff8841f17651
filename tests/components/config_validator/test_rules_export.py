"""The rule about TFLite models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from components.config_validator.overrides import Overrides
from components.config_validator.resolve import resolve
from components.config_validator.rules_export import RULES
from components.config_validator.subject import Problem
from detection.config.pipeline_config import parse_pipeline_config, write_pipeline_config
from detection.errors import BadInput
from pipelines.cli import app
from tests.parity.od_api_configs import CONFIGS

ProblemsOf = Callable[..., list[tuple[str, Problem]]]
LABELS = Path(__file__).resolve().parents[3] / "detectors/demo/label_map.pbtxt"
SOFT = "model { ssd { post_processing { batch_non_max_suppression { soft_nms_sigma: 0.5 } } } }"


def test_nothing_is_asked_of_a_run_without_tflite(config: Any, problems_of: ProblemsOf) -> None:
    assert problems_of(RULES, config, SOFT) == []


def test_what_can_become_a_tflite_model_has_no_answer(config: Any, problems_of: ProblemsOf) -> None:
    assert problems_of(RULES, config, tflite=True) == []


def test_what_can_not_is_an_error_with_its_field(config: Any, problems_of: ProblemsOf) -> None:
    ((code, problem),) = problems_of(RULES, config, SOFT, tflite=True)
    assert (code, problem.severity) == ("CFG066", "error")
    assert problem.field.endswith("soft_nms_sigma") and "TFLite" in problem.reason


def test_two_stages_can_not(problems_of: ProblemsOf) -> None:
    config = parse_pipeline_config(CONFIGS["faster_rcnn_resnet50"], "tests")
    ((code, problem),) = problems_of(RULES, config, tflite=True)
    assert (code, problem.field) == ("CFG066", "model.faster_rcnn")


def test_an_unknown_architecture_is_the_business_of_another_rule(
    config: Any, problems_of: ProblemsOf
) -> None:
    text = 'model { ssd { feature_extractor { type: "ssd_of_the_future" } } }'
    assert problems_of(RULES, config, text, tflite=True) == []


def test_config_validator_stops_the_run_before_anything_is_trained(config: Any, tmp_path: Path) -> None:
    path = tmp_path / "pipeline.config"
    config.model.ssd.post_processing.batch_non_max_suppression.soft_nms_sigma = 0.5
    write_pipeline_config(config, path)
    with pytest.raises(BadInput, match="CFG066") as refused:
        resolve(path, LABELS, Overrides(), tmp_path / "out", tflite=True)
    assert refused.value.exit_code == 78 and not (tmp_path / "out").exists()
    resolve(path, LABELS, Overrides(), tmp_path / "out")
    assert (tmp_path / "out/pipeline.config").is_file()


@pytest.mark.parametrize(("options", "code"), [([], 0), (["--tflite"], 1)])
def test_lint_says_so(config: Any, tmp_path: Path, options: list[str], code: int) -> None:
    path = tmp_path / "pipeline.config"
    config.model.ssd.post_processing.batch_non_max_suppression.soft_nms_sigma = 0.5
    write_pipeline_config(config, path)
    result = CliRunner().invoke(app, ["lint", str(path), *options])
    assert result.exit_code == code, result.output
    assert ("CFG066" in result.output) == bool(code)
