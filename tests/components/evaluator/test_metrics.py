"""COCO's metrics against pycocotools, and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from components.evaluator.metrics import ImageDetections, coco_metrics
from tests.components.evaluator.coco_oracle import pycocotools_evaluation
from tests.components.evaluator.drawn_sets import LABELS, SETS, random_images


def assert_same(images: list[ImageDetections], labels, kind: str = "bbox") -> None:
    expected = pycocotools_evaluation(images, labels, kind)
    ours = coco_metrics(images, labels, kind)
    undefined = [None if value == -1 else value for value in expected.stats]
    for (name, value), wanted in zip(ours.coco().items(), undefined, strict=True):
        assert (value is None) == (wanted is None), name
        assert value is None or value == pytest.approx(wanted, abs=1e-12), name
    precision, recall = expected.eval["precision"], expected.eval["recall"]
    for index, name in enumerate(labels.names):
        one = ours.by_class[name]
        for area, size in enumerate(("all", "small", "medium", "large")):
            values = precision[:, :, index, area, 2]
            value = one.mAP if size == "all" else one.by_size[size]
            wanted = None if (values == -1).all() else pytest.approx(values.mean(), abs=1e-12)
            assert value == wanted, (name, size)
        if one.mAP is not None:
            assert one.mAP_50 == pytest.approx(precision[0, :, index, 0, 2].mean(), abs=1e-12)
            assert one.recall_50 == pytest.approx(recall[0, index, 0, 2], abs=1e-12)


@pytest.mark.parametrize("name", SETS)
def test_all_twelve_numbers_equal_pycocotools(name: str) -> None:
    images, labels = SETS[name]()
    assert_same(images, labels)
    assert coco_metrics(images, labels).images == len(images)


@pytest.mark.parametrize("options", [{}, {"crowds": 0.2, "levels": 5}, {"many": True}])
def test_masks_equal_pycocotools(options: dict) -> None:
    images = random_images(11, count=6, most=8, masks=True, **options)
    assert_same(images, LABELS, "segm")
    assert coco_metrics(images, LABELS, "segm").mAP != coco_metrics(images, LABELS).mAP


def one_image(truth: list[int], found: list[int], score: float = 0.9) -> ImageDetections:
    """Objects and detections of the given classes, each at its own place: detection i lies on object i."""
    places = np.array([[0.1 * i, 0.1, 0.1 * i + 0.08, 0.5] for i in range(9)], np.float32)
    return ImageDetections(
        height=300,
        width=400,
        groundtruth_boxes=places[: len(truth)],
        groundtruth_classes=np.array(truth, np.int64),
        detection_boxes=places[: len(found)],
        detection_scores=np.full(len(found), score, np.float32),
        detection_classes=np.array(found, np.int64),
    )


def test_a_class_without_groundtruth_is_left_out_of_the_mean() -> None:
    metrics = coco_metrics([one_image([1, 1], [1, 1, 5])], LABELS)
    assert metrics.mAP == metrics.mAP_50 == 1.0
    assert metrics.by_class["c"].mAP is None
    assert metrics.by_class["a"].display_name == "A"
    assert metrics.by_class["a"].groundtruth_boxes == 2


def test_a_class_that_is_never_detected_scores_zero() -> None:
    metrics = coco_metrics([one_image([1, 2], [1])], LABELS)
    assert metrics.by_class["b"].mAP_50 == 0.0
    assert metrics.mAP_50 == 0.5
    assert metrics.recall_50 == 0.5
    assert metrics.average_recall == {"1": 0.5, "10": 0.5, "100": 0.5}


def test_a_crowd_is_no_object() -> None:
    image = one_image([1, 1], [1, 1])
    crowd = ImageDetections(**{**image.__dict__, "groundtruth_crowd": np.array([False, True])})
    metrics = coco_metrics([crowd], LABELS)
    assert (metrics.groundtruth_boxes, metrics.by_class["a"].groundtruth_boxes) == (1, 1)
    assert metrics.mAP == 1.0


def test_no_detections_and_no_groundtruth() -> None:
    assert coco_metrics([one_image([1, 2], [])], LABELS).mAP == 0.0
    nothing = coco_metrics([one_image([], [1])], LABELS)
    assert (nothing.mAP, nothing.by_size["small"], nothing.groundtruth_boxes) == (None, None, 0)
    assert coco_metrics([], LABELS).images == 0
    assert set(coco_metrics([], LABELS).coco().values()) == {None}
