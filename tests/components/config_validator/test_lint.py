"""`lint` over files, with and without a checkpoint and data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from components.config_validator.lint import lint
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
    assert (result.findings, result.diff, result.errors, result.unreadable) == ([], "", [], ())


def test_lint_of_the_config_alone_imports_little() -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from components.config_validator.lint import lint\n"
        f"lint(Path({str(DEMO)!r}), Path({str(LABELS)!r}))\n"
        "heavy = ('tensorflow', 'keras', 'tfx', 'object_detection', 'apache_beam', 'numpy', 'PIL',\n"
        "  'pydantic', 'components.example_gen', 'components.checkpoint_converter')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).strip() == "[]"


@needs_data
def test_a_sample_with_a_label_map_is_fixed(tmp_path: Path) -> None:
    fixed = tmp_path / "fixed.config"
    result = lint(SAMPLE, LABELS, fix_out=fixed)
    found = {finding.code: finding for finding in result.findings}
    assert found["CFG001"].location == f"{SAMPLE}:9"
    assert found["CFG001"].is_fixed and found["CFG010"].is_fixed and not found["CFG013"].is_fixed
    assert result.errors == []
    assert "-    num_classes: 90\n+    num_classes: 4\n" in result.diff
    assert read_pipeline_config(fixed).model.ssd.num_classes == 4
    comments = [line for line in SAMPLE.read_text().splitlines() if line.lstrip().startswith("#")]
    assert [line for line in fixed.read_text().splitlines() if line.lstrip().startswith("#")] == comments
    again = lint(fixed, LABELS, fix_out=tmp_path / "again.config")
    assert again.diff == "" and fixed.read_bytes() == (tmp_path / "again.config").read_bytes()
    assert {f.code for f in again.findings} == {f.code for f in result.findings if not f.is_fixed}


@needs_data
def test_examples_are_counted_by_class() -> None:
    config = ROOT / "detectors/microcontrollers/pipeline.config"
    assert not any(
        f.code in ("CFG022", "CFG023") for f in lint(config, BOARD_LABELS, examples=BOARDS).findings
    )
    wrong = lint(config, LABELS, examples=BOARDS)
    assert [f.code for f in wrong.findings if f.severity == "error"] == ["CFG022"] * 4
    assert len(wrong.errors) == 4


@needs_data
def test_the_checkpoints_classes_are_compared() -> None:
    for checkpoint in (MODEL / "frozen_inference_graph.pb", MODEL / "model.ckpt"):
        (finding,) = [f for f in lint(DEMO, LABELS, checkpoint=checkpoint).findings if f.code == "CFG002"]
        assert finding.severity == "info"
        assert finding.message == "the checkpoint has 1 class, the new model 4"


@pytest.mark.parametrize(
    ("kind", "code"),
    [("config_path", "TXT020"), ("label_map", "TXT020"), ("checkpoint", "INP002"), ("examples", "INP001")],
)
def test_what_is_not_there_is_a_finding(kind: str, code: str, tmp_path: Path) -> None:
    paths = {"config_path": DEMO, "label_map": LABELS, kind: tmp_path / "nowhere"}
    result = lint(**paths)
    (finding,) = result.errors
    assert (finding.code, finding.severity, finding.safe) == (code, "error", False)
    assert str(tmp_path / "nowhere") in finding.location
    assert finding.reason and finding.fix
    assert result.unreadable == (finding,)


def test_the_rules_ask_about_the_rest(tmp_path: Path) -> None:
    config, labels, fixed = tmp_path / "p.config", tmp_path / "l.pbtxt", tmp_path / "fixed"
    config.write_text(DEMO.read_text().replace("num_classes: 4", "num_classes: 0"))
    labels.write_text("item { id: 0 name: 'a' }")
    result = lint(config, labels, fix_out=fixed)
    assert [finding.code for finding in result.errors] == ["CFG001", "MAP001"]
    assert [finding.code for finding in result.unreadable] == ["MAP001"]
    assert fixed.read_text() == config.read_text()


def test_nothing_is_written_of_a_config_that_can_not_be_read(tmp_path: Path) -> None:
    config = tmp_path / "p.config"
    config.write_text("model { ssd { num_classes: } }")
    result = lint(config, fix_out=tmp_path / "fixed")
    assert [(finding.code, finding.location) for finding in result.errors] == [("TXT008", f"{config}:1:15")]
    assert not (tmp_path / "fixed").exists()


def test_a_place_that_can_not_be_written_is_bad_input(tmp_path: Path) -> None:
    for place in (tmp_path, DEMO / "fixed.config"):  # a directory; below a file
        with pytest.raises(BadInput, match="can't be written") as caught:
            lint(DEMO, LABELS, fix_out=place)
        assert caught.value.where == str(place)


def test_a_wrong_code_to_allow_is_bad_input() -> None:
    with pytest.raises(BadInput, match="no rule has the code"):
        lint(DEMO, LABELS, allow=["CFG999"])
