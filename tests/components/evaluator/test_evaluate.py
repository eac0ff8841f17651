"""Evaluation of an exported model on TFRecords."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf

from components.evaluator.detector import SavedDetector
from components.evaluator.evaluate import EvaluatedModel, EvaluationData, evaluate
from detection.config.label_map import LabelMap, parse_label_map
from detection.errors import BadInput

NAMES = ["stop", "yield", "priority_road"]


def labels(*names: str) -> LabelMap:
    items = [f"item {{ id: {number} name: '{name}' }}" for number, name in enumerate(names, start=1)]
    return parse_label_map("\n".join(items), "test")


def run(
    model: Path, files: list[Path], data: LabelMap, own: LabelMap | None, title: str = "x"
) -> EvaluatedModel:
    detector = SavedDetector(model)
    return evaluate(detector, EvaluationData(files, data), own, title=title, saved_model=model)


@pytest.fixture(scope="module")
def examples(
    tmp_path_factory: pytest.TempPathFactory, write_examples: Callable[..., list[Path]]
) -> list[Path]:
    return write_examples(tmp_path_factory.mktemp("examples"), 20)


def test_a_perfect_detector_scores_one(
    examples: list[Path], save_detector: Callable[..., Path], tmp_path: Path
) -> None:
    model = save_detector(tmp_path, NAMES)
    found = run(model / "saved_model", examples, labels(*NAMES), labels(*NAMES), title="new model")
    result, images = found.evaluation, found.images
    assert result.title == "new model" and result.saved_model == str(model / "saved_model")
    assert result.metrics.mAP == pytest.approx(1.0)
    assert result.metrics.images == len(images) == len(found.facts) == 20
    assert result.masks is None and result.analysis is not None
    assert result.analysis.voc_2012.mean == pytest.approx(1.0)
    assert result.analysis.operating_point.all.f1 == 1.0
    assert [one.filename for one in found.facts[:2]] == ["street_000.png", "street_002.png"]
    assert all(90 < one.brightness < 140 for one in found.facts)
    assert result.notes == []
    assert {(image.width, image.height) for image in images} == {(400, 300), (300, 400)}


def test_ids_are_mapped_by_name_and_unknown_classes_score_zero(
    examples: list[Path], save_detector: Callable[..., Path], tmp_path: Path
) -> None:
    names = ["person", "priority_road", "stop"]
    model = save_detector(tmp_path, names)
    result = run(model / "saved_model", examples, labels(*NAMES), labels(*names)).evaluation
    by_class = {name: one.mAP_50 for name, one in result.metrics.by_class.items()}
    assert by_class == {"stop": pytest.approx(1.0), "yield": 0.0, "priority_road": pytest.approx(1.0)}
    assert result.notes == [
        "It does not know yield; that scores 0.",
        "It also knows person, which the evaluation set's label map lacks: not measured.",
    ]


def test_images_are_kept_in_the_order_of_the_examples(
    examples: list[Path], save_detector: Callable[..., Path], tmp_path: Path
) -> None:
    model = save_detector(tmp_path, NAMES)
    for image in run(
        model / "saved_model", examples, labels(*NAMES), labels(*NAMES)
    ).images:  # detections lie on this image's objects, not on those of a batch neighbour
        boxes = {
            int(label): box
            for box, score, label in zip(
                image.detection_boxes, image.detection_scores, image.detection_classes, strict=True
            )
            if score > 0.5
        }
        assert sorted(boxes) == sorted(image.groundtruth_classes)
        for box, label in zip(image.groundtruth_boxes, image.groundtruth_classes, strict=True):
            assert boxes[int(label)] == pytest.approx(box, abs=0.005)


def test_masks_are_measured_where_data_and_model_have_them(
    write_examples: Callable[..., list[Path]], save_detector: Callable[..., Path], tmp_path: Path
) -> None:
    masked = write_examples(tmp_path / "masked", 6, masks=True)
    plain = write_examples(tmp_path / "plain", 6)
    half, whole, boxes = (
        save_detector(tmp_path / name, NAMES, **options) / "saved_model"
        for name, options in (("half", {"masks": 0.6}), ("whole", {"masks": 1.0}), ("boxes", {}))
    )
    found = run(whole, masked, labels(*NAMES), labels(*NAMES)).evaluation
    assert found.masks is not None and found.masks.mAP_75 == pytest.approx(1.0)
    found = run(half, masked, labels(*NAMES), labels(*NAMES)).evaluation
    assert found.metrics.mAP_75 == pytest.approx(1.0), "its boxes are right"
    assert found.masks is not None and found.masks.mAP_50 == pytest.approx(1.0)
    assert found.masks.mAP_75 == 0.0
    assert run(whole, plain, labels(*NAMES), labels(*NAMES)).evaluation.masks is None
    assert run(boxes, masked, labels(*NAMES), labels(*NAMES)).evaluation.masks is None


def test_a_class_outside_the_label_map_is_bad_input(
    examples: list[Path], save_detector: Callable[..., Path], tmp_path: Path
) -> None:
    model = save_detector(tmp_path, NAMES)
    with pytest.raises(BadInput, match="'priority_road' is not in the label map"):
        run(model / "saved_model", examples, labels("stop", "yield"), labels(*NAMES))


def test_unusable_inputs_are_bad_input(
    examples: list[Path], save_detector: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="no SavedModel"):
        run(tmp_path / "absent", examples, labels(*NAMES), None)
    module = tf.Module()
    module.double = tf.function(lambda x: {"y": 2 * x}, input_signature=[tf.TensorSpec([None])])
    tf.saved_model.save(module, str(tmp_path / "other"), {"serving_default": module.double})
    with pytest.raises(BadInput, match="is no detector"):
        run(tmp_path / "other", examples, labels(*NAMES), None)
    model = save_detector(tmp_path / "good", NAMES) / "saved_model"
    with pytest.raises(BadInput, match="no evaluation examples"):
        run(model, [], labels(*NAMES), None)
    damaged = tmp_path / "examples.tfrecord.gz"
    whole = examples[0].read_bytes()
    middle = len(whole) // 2
    damaged.write_bytes(whole[:middle] + bytes(100) + whole[middle + 100 :])
    with pytest.raises(BadInput, match="damaged"):
        run(model, [damaged], labels(*NAMES), None)


def test_sixty_images_by_two_models_take_seconds(
    write_examples: Callable[..., list[Path]], save_detector: Callable[..., Path], tmp_path: Path
) -> None:
    files = write_examples(tmp_path / "examples", 60, sizes=((400, 300),))
    model = save_detector(tmp_path, NAMES) / "saved_model"
    started = time.process_time()
    for title in ("new", "old"):
        run(model, files, labels(*NAMES), labels(*NAMES), title)
    assert time.process_time() - started < 15
