"""What ConfigValidator writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components.config_validator.overrides import Overrides, apply_overrides, parse_overrides
from components.config_validator.resolve import resolve
from detection.config.label_map import read_label_map
from detection.config.pipeline_config import format_pipeline_config, read_pipeline_config
from detection.errors import BadInput

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "detectors/demo/pipeline.config"
LABELS = ROOT / "detectors/demo/label_map.pbtxt"


def test_overrides_and_safe_fixes_are_in_the_resolved_config(config: Any, tmp_path: Path) -> None:
    config.model.ssd.num_classes = 90
    given = tmp_path / "pipeline.config"
    given.write_text(format_pipeline_config(config))
    out = tmp_path / "out"
    resolved = resolve(given, LABELS, Overrides(steps=100, batch_size=4, learning_rate=0.005), out)
    written = read_pipeline_config(out / "pipeline.config")
    assert written == resolved.config
    assert written.model.ssd.num_classes == 4
    assert (written.train_config.num_steps, written.train_config.batch_size) == (100, 4)
    rate = written.train_config.optimizer.momentum_optimizer.learning_rate.cosine_decay_learning_rate
    assert (rate.total_steps, rate.warmup_steps) == (100, 10)
    assert rate.learning_rate_base == pytest.approx(0.005)
    assert rate.warmup_learning_rate == pytest.approx(0.0005)
    assert read_label_map(out / "label_map.pbtxt") == read_label_map(LABELS)
    findings = json.loads((out / "findings.json").read_text())
    assert [(f["code"], f["safe"]) for f in findings] == [("CFG001", True)]
    diff = (out / "changes.diff").read_text()
    assert "-    num_classes: 90\n+    num_classes: 4\n" in diff
    assert "+  num_steps: 100\n" in diff


def test_nothing_to_change_gives_an_empty_diff(tmp_path: Path) -> None:
    assert resolve(DEMO, LABELS, Overrides(), tmp_path).diff == ""
    assert (tmp_path / "changes.diff").read_text() == ""
    assert json.loads((tmp_path / "findings.json").read_text()) == []


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        resolve(DEMO, LABELS, Overrides(steps=50), tmp_path / name)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_errors_that_no_fix_takes_away_are_listed_and_nothing_is_written(config: Any, tmp_path: Path) -> None:
    config.train_config.num_steps = 0
    config.model.ssd.feature_extractor.type = "ssd_inception_v9"
    given = tmp_path / "pipeline.config"
    given.write_text(format_pipeline_config(config))
    with pytest.raises(BadInput, match="2 errors") as caught:
        resolve(given, LABELS, Overrides(), tmp_path / "out")
    assert "CFG003" in caught.value.what and "CFG013" in caught.value.what
    assert f"{given}:" in caught.value.what
    assert not (tmp_path / "out").exists()
    with pytest.raises(BadInput, match="an error"):
        resolve(given, LABELS, Overrides(steps=10), tmp_path / "out")


def test_parsing_overrides() -> None:
    assert parse_overrides("") == Overrides()
    assert parse_overrides('{"steps": 5, "learning_rate": null}') == Overrides(steps=5)


@pytest.mark.parametrize(
    "text", ['{"step": 5}', '{"steps": 0}', '{"learning_rate": -1}', "[", "[1]", '{"steps": "x"}']
)
def test_wrong_overrides_are_bad_input(text: str) -> None:
    with pytest.raises(BadInput, match="overrides are wrong"):
        parse_overrides(text)


def test_overrides_leave_the_given_config_alone(config: Any) -> None:
    before = format_pipeline_config(config)
    apply_overrides(config, Overrides(steps=7, batch_size=2, learning_rate=1.0))
    assert format_pipeline_config(config) == before
