"""The Evaluator as a TFX node."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tfx import types
from tfx.types import channel_utils, standard_artifacts

from components.evaluator.component import Evaluator
from components.evaluator.executor import Executor
from components.evaluator.results import read_comparison
from components.types import ConvertedModel, DataQuarantine, DetectorModel, Evaluation, ResolvedConfig


def artifact(kind: type[types.Artifact], path: Path) -> list[types.Artifact]:
    path.mkdir(exist_ok=True)
    made = kind()
    made.uri = str(path)
    return [made]


@pytest.mark.parametrize(("min_value", "marker", "blessed"), [(0.5, "BLESSED", 1), (None, "NOT_BLESSED", 0)])
def test_the_blessing_is_tfx_s(
    run_root: Path,
    tmp_path: Path,
    min_value: float | None,
    marker: str,
    blessed: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UPCYCLE_RUN_ID", "manual-7")
    inputs = {
        "examples": artifact(standard_artifacts.Examples, run_root / "examples"),
        "model": artifact(DetectorModel, run_root / "model"),
        "converted_model": artifact(ConvertedModel, run_root / "converted"),
        "resolved_config": artifact(ResolvedConfig, run_root / "resolved"),
        "quarantine": artifact(DataQuarantine, run_root / "quarantine"),
    }
    outputs = {
        "evaluation": artifact(Evaluation, tmp_path / "evaluation"),
        "blessing": artifact(standard_artifacts.ModelBlessing, tmp_path / "blessing"),
    }
    gate = (
        {"min_value": min_value}
        if min_value
        else {"min_improvement": 1.0, "min_value": 1.0, "metric": "mAP_75"}
    )
    if not blessed:  # compare the model with itself: no improvement
        gate["min_improvement"] = 0.5
        published = tmp_path / "4"
        published.mkdir()
        for source in (run_root / "model" / "saved_model").iterdir():
            (published / source.name).symlink_to(source)
        (published / "label_map.pbtxt").symlink_to(run_root / "model" / "label_map.pbtxt")
    properties = {
        "gate": json.dumps(gate),
        "baseline": "" if blessed else str(tmp_path / "4"),
        "baseline_label_map": "",
        "code_version": "abc123",
    }
    Executor().Do(inputs, outputs, properties)
    assert [path.name for path in (tmp_path / "blessing").iterdir()] == [marker]
    assert outputs["blessing"][0].get_int_custom_property("blessed") == blessed
    assert read_comparison(tmp_path / "evaluation").verdict.blessed is bool(blessed)
    page = (tmp_path / "evaluation" / "report.html").read_text()
    assert "manual-7" in page and "abc123" in page


def test_contract() -> None:
    evaluator = Evaluator(
        examples=channel_utils.as_channel([standard_artifacts.Examples()]),
        model=channel_utils.as_channel([DetectorModel()]),
        converted_model=channel_utils.as_channel([ConvertedModel()]),
        resolved_config=channel_utils.as_channel([ResolvedConfig()]),
        quarantine=channel_utils.as_channel([DataQuarantine()]),
        gate="{}",
        baseline="",
        baseline_label_map="",
    )
    assert {key: channel.type for key, channel in evaluator.outputs.items()} == {
        "evaluation": Evaluation,
        "blessing": standard_artifacts.ModelBlessing,
    }
