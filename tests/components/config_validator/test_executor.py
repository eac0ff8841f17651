"""ConfigValidator as a TFX node."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.config_validator.component import ConfigValidator
from components.config_validator.executor import Executor
from components.types import ResolvedConfig
from detection.errors import BadInput

ROOT = Path(__file__).resolve().parents[3]


def properties(**changes: str) -> dict[str, str]:
    folder = ROOT / "detectors/demo"
    return {
        "pipeline_config": str(folder / "pipeline.config"),
        "label_map": str(folder / "label_map.pbtxt"),
        "overrides": json.dumps({"steps": 20, "batch_size": None, "learning_rate": None}),
        "fingerprint": "f",
        **changes,
    }


def test_the_contract() -> None:
    node = ConfigValidator(**properties())
    assert node.outputs["resolved_config"].type is ResolvedConfig
    assert node.exec_properties == properties()


def test_the_executor_fills_the_artifact(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    artifact = ResolvedConfig()
    artifact.uri = str(tmp_path)
    Executor().Do({}, {"resolved_config": [artifact]}, properties())
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"pipeline.config", "label_map.pbtxt", "findings.json", "changes.diff"}
    assert "num_steps: 20" in (tmp_path / "pipeline.config").read_text()
    assert artifact.get_int_custom_property("findings") == 0
    assert capsys.readouterr().out == ""


def test_bad_input_comes_through(tmp_path: Path) -> None:
    artifact = ResolvedConfig()
    artifact.uri = str(tmp_path)
    with pytest.raises(BadInput, match="does not exist"):
        Executor().Do({}, {"resolved_config": [artifact]}, properties(label_map=str(tmp_path / "no.pbtxt")))
