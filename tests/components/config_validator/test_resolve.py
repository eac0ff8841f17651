"""What ConfigValidator writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from components.config_validator.findings import Finding
from components.config_validator.overrides import Overrides
from components.config_validator.resolve import resolve
from detection.config.label_map import read_label_map
from detection.config.pipeline_config import read_pipeline_config
from detection.errors import BadInput

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "detectors/demo/pipeline.config"
LABELS = ROOT / "detectors/demo/label_map.pbtxt"


def given(folder: Path, **replaced: str) -> Path:
    """The demo's config with values replaced."""
    text = DEMO.read_text()
    for before, after in replaced.items():
        assert before in text
        text = text.replace(before, after)
    path = folder / "pipeline.config"
    path.write_text(text)
    return path


def test_overrides_and_safe_fixes_are_in_the_resolved_config(tmp_path: Path) -> None:
    config, out = given(tmp_path, **{"num_classes: 4": "num_classes: 90"}), tmp_path / "out"
    resolved = resolve(config, LABELS, Overrides(steps=100, batch_size=4, learning_rate=0.005), out)
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
    assert [(f["code"], f["safe"], f["allowed"]) for f in findings] == [("CFG001", True, False)]
    assert TypeAdapter(list[Finding]).validate_python(findings) == resolved.findings
    diff = (out / "changes.diff").read_text()
    assert "-    num_classes: 90\n+    num_classes: 4\n" in diff
    assert "+  num_steps: 100\n" in diff and "@@ override\n" in diff


def test_nothing_to_change_gives_the_same_bytes_and_an_empty_diff(tmp_path: Path) -> None:
    assert resolve(DEMO, LABELS, Overrides(), tmp_path).diff == ""
    assert (tmp_path / "pipeline.config").read_bytes() == DEMO.read_bytes()
    assert (tmp_path / "changes.diff").read_text() == ""
    assert json.loads((tmp_path / "findings.json").read_text()) == []


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        resolve(DEMO, LABELS, Overrides(steps=50), tmp_path / name)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_errors_that_no_fix_takes_away_are_listed_and_nothing_is_written(tmp_path: Path) -> None:
    config = given(tmp_path, **{"num_steps: 400": "num_steps: 0", "ssd_mobilenet_v2": "ssd_inception_v9"})
    with pytest.raises(BadInput, match="2 errors") as caught:
        resolve(config, LABELS, Overrides(), tmp_path / "out")
    assert "CFG003" in caught.value.what and "CFG013" in caught.value.what
    assert f"{config}:" in caught.value.what
    assert not (tmp_path / "out").exists()
    with pytest.raises(BadInput, match="an error"):
        resolve(config, LABELS, Overrides(steps=10), tmp_path / "out")


def test_an_allowed_error_stops_nothing_and_is_recorded(tmp_path: Path) -> None:
    config, out = given(tmp_path, **{"num_classes: 4": "num_classes: 90"}), tmp_path / "out"
    resolved = resolve(config, LABELS, Overrides(), out, allow=["CFG001"])
    assert resolved.config.model.ssd.num_classes == 90 and resolved.diff == ""
    findings = json.loads((out / "findings.json").read_text())
    assert [(f["code"], f["severity"], f["allowed"]) for f in findings] == [("CFG001", "error", True)]
