from __future__ import annotations

from components.checkpoint_converter.report import (
    Block,
    ClassHead,
    ClassRow,
    ComparedTensor,
    ConversionReport,
    Proof,
    Roundings,
    Variable,
)
from components.checkpoint_converter.report_text import format_report, write_report


def _variable(name: str, block: str, state: str, reason: str) -> Variable:
    hash_after = None if state == "dropped" else "0123456789abcdef"
    return Variable(
        name=name,
        block=block,
        state=state,
        reason=reason,
        hash_before="0123456789abcdef",
        hash_after=hash_after,
    )


def _report() -> ConversionReport:
    return ConversionReport(
        source="models/model.ckpt",
        kind="checkpoint",
        architecture="ssd_mobilenet_v2",
        num_classes_checkpoint=2,
        num_classes_model=3,
        class_head=ClassHead(
            how="name",
            classes_before=2,
            classes_after=3,
            rows=[
                ClassRow(id=1, name="cat", source_id=2),
                ClassRow(id=2, name="Dog", source_id=None, suggestion="dog"),
                ClassRow(id=3, name="fish", source_id=None),
            ],
            left_behind=["dog"],
        ),
        blocks=[
            Block(block="backbone", wanted=260, loaded=260, fresh=0, dropped=0),
            Block(block="class_head", wanted=42, loaded=30, fresh=12, dropped=1),
        ],
        variables_total=302,
        variables_loaded=290,
        variables=[
            _variable("FeatureExtractor/a/weights", "backbone", "loaded", "the checkpoint's value"),
            _variable("BoxPredictor_0/ClassPredictor/weights", "class_head", "fresh", "fresh"),
            _variable("global_step", "training_state", "dropped", "step counter of training"),
            _variable("a/Momentum", "training_state", "dropped", "optimizer slot"),
            _variable("b/Momentum", "training_state", "dropped", "optimizer slot"),
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
            tensors=[
                ComparedTensor(
                    block="box_head", tensor="box_encodings", max_absolute=4.2e-6, max_relative=1.3e-6
                ),
                ComparedTensor(
                    block="postprocessing", tensor="detection_scores", max_absolute=2e-7, max_relative=3e-7
                ),
            ],
        ),
        seconds=12.3,
    )


def test_a_person_can_read_it():
    text = format_report(_report())
    for line in (
        "- source: `models/model.ckpt` (checkpoint)",
        "- classes: 2 in the checkpoint, 3 in the model",
        "- class head: 1 of 3 rows by name",
        "- variables loaded: 290 of 302",
        "- note: 129 variables take their moving average",
        "| backbone | 260 | 260 | 0 | 0 |",
        "| class_head | 42 | 30 | 12 | 1 |",
        "| 1 | cat | class 2 of the checkpoint |",
        "| 2 | Dog | fresh; the checkpoint has `dog`: give both the same name if they are the same |",
        "Classes of the checkpoint left behind: dog.",
        "## Proof: passed",
        "| raw predictions, relative to the tensor's largest value | 1.3e-06 | 1e-04 |",
        "| box_head | box_encodings | 4.2e-06 | 1.3e-06 |",
        "| postprocessing | detection_scores | 2.0e-07 | 3.0e-07 |",
        "| optimizer slot | 2 |",
        "- `BoxPredictor_0/ClassPredictor/weights`: fresh",
        "- `global_step`: step counter of training",
        "1 of 1 loaded variables have the source's values, bit by bit.",
        "- `FeatureExtractor/a/weights`: 0123456789abcdef 0123456789abcdef",
    ):
        assert line in text.splitlines()
    assert "2 images (files: a.jpg, b.jpg), 17 detections matched" in text


def test_one_of_a_thing_is_said_so():
    proof = _report().proof.model_copy(update={"images": 1, "matched_detections": 1})
    text = format_report(_report().model_copy(update={"proof": proof, "num_classes_checkpoint": 1}))
    assert "checkpoint's 1 class against" in text
    assert ": 1 image (files: a.jpg, b.jpg), 1 detection matched one to one." in text


def test_drawn_predictions_are_said():
    report = _report()
    assert "drawn raw predictions" not in format_report(report)
    scores = ComparedTensor(
        block="score_converter", tensor="converted_scores", max_absolute=0.0, max_relative=0.0
    )
    proof = report.proof.model_copy(update={"tensors": [*report.proof.tensors, scores]})
    text = format_report(report.model_copy(update={"proof": proof}))
    assert "were compared on drawn raw predictions" in text
    assert "| score_converter | converted_scores | 0.0e+00 | 0.0e+00 |" in text


def test_a_replay_is_said():
    report = _report()
    assert "raw predictions: rounding" not in format_report(report)
    replayed = report.proof.model_copy(update={"replayed_images": 1})
    text = format_report(report.model_copy(update={"proof": replayed}))
    assert "On 1 of the images the detections are of the TF1 graph's raw predictions: rounding" in text


def test_roundings_are_told_and_not_judged():
    report = _report()
    assert "8 bits" not in format_report(report)
    roundings = Roundings(places=19, apart=8.8e-5, noise=1e-7, moved_by_noise=7.2e-5)
    for moved, end in (
        (7.2e-5, "8.8e-05; noise of 1e-07 in the preprocessed image moves"),
        (None, "8.8e-05."),
    ):
        told = roundings.model_copy(update={"moved_by_noise": moved})
        proof = report.proof.model_copy(update={"roundings": told})
        text = format_report(report.model_copy(update={"proof": proof}))
        assert "rounds to 8 bits at 19 places. All above is of the TF1 graph's own input to each." in text
        assert "Not judged, since a flipped rounding is a whole step: where each side" in text
        assert f"the raw predictions differ by {end}" in text


def test_a_proof_from_before_tensors_were_counted():
    proof = _report().proof.model_dump(exclude={"tensors", "replayed_images"})
    text = format_report(_report().model_copy(update={"proof": Proof.model_validate(proof)}))
    assert "## Proof: passed" in text and "| block | tensor |" not in text


def test_nothing_left_out():
    report = _report().model_copy(update={"variables": _report().of_state("loaded")})
    assert format_report(report).count("\nNone.\n") == 2


def test_the_terminal_gets_no_list_of_variables():
    text = format_report(_report(), details=False)
    assert "| optimizer slot | 2 |" in text
    assert "global_step" not in text and "0123456789abcdef" not in text


def test_unproved_is_said_loudly():
    report = _report().model_copy(update={"proof": None})
    text = format_report(report)
    assert "## Proof: none" in text and "UNPROVED" in text
    assert ConversionReport.model_validate_json(report.model_dump_json()).proof is None


def test_files(tmp_path):
    write_report(_report(), tmp_path)
    assert ConversionReport.model_validate_json((tmp_path / "report.json").read_text()) == _report()
    assert (tmp_path / "report.md").read_text() == format_report(_report())
