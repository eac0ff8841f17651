from __future__ import annotations

from components.checkpoint_converter.report import (
    Block,
    ConversionReport,
    Proof,
    Variable,
    format_report,
    write_report,
)


def _report() -> ConversionReport:
    return ConversionReport(
        source="models/model.ckpt",
        kind="checkpoint",
        architecture="ssd_mobilenet_v2",
        num_classes_checkpoint=1,
        num_classes_model=4,
        blocks=[
            Block(block="backbone", wanted=260, loaded=260, skipped=0),
            Block(block="class_head", wanted=42, loaded=30, skipped=12),
        ],
        variables_total=302,
        variables_loaded=290,
        skipped=[Variable(name="BoxPredictor_0/ClassPredictor/weights", reason="fresh")],
        unused=[
            Variable(name="global_step", reason="step counter of training"),
            Variable(name="a/Momentum", reason="optimizer slot"),
            Variable(name="b/Momentum", reason="optimizer slot"),
        ],
        notes=["129 variables take their moving average"],
        proof=Proof(
            images=2,
            image_source="files: a.jpg, b.jpg",
            max_difference_raw=1.3e-6,
            max_difference_boxes=3e-7,
            max_difference_scores=2e-7,
            matched_detections=17,
            tolerance=1e-4,
            passed=True,
        ),
        seconds=12.3,
    )


def test_a_person_can_read_it():
    text = format_report(_report())
    for line in (
        "- source: `models/model.ckpt` (checkpoint)",
        "- classes: 1 in the checkpoint, 4 in the model",
        "- variables loaded: 290 of 302",
        "- note: 129 variables take their moving average",
        "| backbone | 260 | 260 | 0 |",
        "## Proof: passed",
        "| raw predictions, relative to the tensor's largest value | 1.3e-06 | 1e-04 |",
        "| optimizer slot | 2 |",
        "- `BoxPredictor_0/ClassPredictor/weights`: fresh",
        "- `global_step`: step counter of training",
    ):
        assert line in text.splitlines()
    assert "2 images (files: a.jpg, b.jpg), 17 detections matched" in text


def test_nothing_left_out():
    report = _report().model_copy(update={"skipped": [], "unused": []})
    assert format_report(report).count("\nNone.\n") == 2


def test_files(tmp_path):
    write_report(_report(), tmp_path)
    assert ConversionReport.model_validate_json((tmp_path / "report.json").read_text()) == _report()
    assert (tmp_path / "report.md").read_text() == format_report(_report())
