"""`lint` over files, with and without a checkpoint and data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from components.config_validator.lint import count_classes, lint
from detection.config.pipeline_config import read_pipeline_config
from detection.errors import BadInput

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT.parent / "shared" / "data"
SAMPLE = DATA / "configs/upstream/samples/configs/ssdlite_mobilenet_v2_coco.config"
BOARDS = DATA / "datasets/microcontrollers_voc/images/train"
MODEL = DATA / "models/pedestrian_ssdlite_mobilenet_v2"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no test data in {DATA}")

DEMO = ROOT / "detectors/demo/pipeline.config"
LABELS = ROOT / "detectors/demo/label_map.pbtxt"
BOARD_LABELS = ROOT / "detectors/microcontrollers/label_map.pbtxt"


@pytest.mark.parametrize("name", ["demo", "microcontrollers"])
def test_the_detectors_own_configs_are_clean(name: str) -> None:
    folder = ROOT / "detectors" / name
    result = lint(folder / "pipeline.config", folder / "label_map.pbtxt")
    assert (result.findings, result.diff, result.errors) == ([], "", [])


def test_lint_without_checkpoint_imports_no_tensorflow() -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from components.config_validator.lint import lint\n"
        f"lint(Path({str(DEMO)!r}), Path({str(LABELS)!r}))\n"
        "heavy = ('tensorflow', 'keras', 'tfx', 'object_detection', 'apache_beam')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).strip() == "[]"


@needs_data
def test_a_sample_with_a_label_map_is_fixed(tmp_path: Path) -> None:
    fixed = tmp_path / "fixed.config"
    result = lint(SAMPLE, LABELS, fix_out=fixed)
    assert [f.code for f in result.findings] == ["CFG001", "CFG010", "CFG013"]
    assert result.findings[0].location == f"{SAMPLE}:9"
    assert result.errors == []
    assert "-    num_classes: 90" in result.diff
    assert read_pipeline_config(fixed).model.ssd.num_classes == 4
    assert [f.code for f in lint(fixed, LABELS).findings] == ["CFG013"]


@needs_data
def test_examples_are_counted_by_class() -> None:
    counts = count_classes(BOARDS)
    assert set(counts) == {"Raspberry_Pi_3", "Arduino_Nano", "ESP8266", "Heltec_ESP32_Lora"}
    config = ROOT / "detectors/microcontrollers/pipeline.config"
    assert lint(config, BOARD_LABELS, examples=BOARDS).findings == []
    wrong = lint(config, LABELS, examples=BOARDS)
    assert [f.code for f in wrong.findings] == ["CFG022"] * 4 + ["CFG023"] * 4
    assert len(wrong.errors) == 4


@needs_data
def test_the_checkpoints_classes_are_compared() -> None:
    for checkpoint in (MODEL / "frozen_inference_graph.pb", MODEL / "model.ckpt"):
        (finding,) = lint(DEMO, LABELS, checkpoint=checkpoint).findings
        assert (finding.code, finding.severity) == ("CFG002", "info")
        assert finding.message == "the checkpoint has 1 classes, the new model 4"


@pytest.mark.parametrize("kind", ["config", "label_map", "checkpoint", "examples"])
def test_what_is_not_there_is_bad_input(kind: str, tmp_path: Path) -> None:
    paths = {"config": DEMO, "label_map": LABELS, kind: tmp_path / "nowhere"}
    with pytest.raises(BadInput) as caught:
        lint(paths.pop("config"), **paths)
    assert str(tmp_path / "nowhere") in caught.value.where
