"""COCO metrics against pycocotools, and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from components.evaluator.metrics import ImageDetections, coco_metrics
from detection.config.label_map import LabelMap, LabelMapItem

LABELS = LabelMap(tuple(LabelMapItem(i, name, name.title()) for i, name in ((1, "a"), (2, "b"), (5, "c"))))


def boxes_near(rng: np.random.Generator, boxes: np.ndarray, noise: float) -> np.ndarray:
    moved = boxes + rng.normal(0, noise, boxes.shape)
    return np.concatenate([np.minimum(moved[:, :2], moved[:, 2:] - 0.01), moved[:, 2:]], axis=1)


def random_images(rng: np.random.Generator, count: int, most: int = 12) -> list[ImageDetections]:
    images = []
    for _ in range(count):
        objects, wrong = rng.integers(0, most), rng.integers(0, most)
        corner = rng.uniform(0, 0.8, (objects + wrong, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(0.01, 0.4, corner.shape)], axis=1)
        classes = rng.choice([1, 2], objects + wrong)
        images.append(
            ImageDetections(
                height=int(rng.integers(100, 700)),
                width=int(rng.integers(100, 700)),
                groundtruth_boxes=boxes[:objects].astype(np.float32),
                groundtruth_classes=classes[:objects],
                detection_boxes=boxes_near(rng, boxes, 0.02).astype(np.float32),
                detection_scores=rng.uniform(0, 1, objects + wrong).astype(np.float32),
                detection_classes=np.where(rng.uniform(size=len(classes)) < 0.1, 5, classes),
            )
        )
    return images


def oracle(images: list[ImageDetections]) -> COCOeval:
    def px(image: ImageDetections, box: np.ndarray) -> list[float]:
        ymin, xmin, ymax, xmax = (float(side) for side in box)
        width, height = image.width, image.height
        return [xmin * width, ymin * height, (xmax - xmin) * width, (ymax - ymin) * height]

    truth: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for number, image in enumerate(images):
        for box, label in zip(image.groundtruth_boxes, image.groundtruth_classes, strict=True):
            xywh = px(image, box)
            truth.append(
                {
                    "id": len(truth) + 1,
                    "image_id": number,
                    "category_id": int(label),
                    "bbox": xywh,
                    "area": xywh[2] * xywh[3],
                    "iscrowd": 0,
                }
            )
        for box, score, label in zip(
            image.detection_boxes, image.detection_scores, image.detection_classes, strict=True
        ):
            found.append(
                {
                    "image_id": number,
                    "category_id": int(label),
                    "bbox": px(image, box),
                    "score": float(score),
                }
            )
    coco = COCO()
    coco.dataset = {
        "info": {},
        "images": [{"id": number} for number in range(len(images))],
        "categories": [{"id": item.id, "name": item.name} for item in LABELS.items],
        "annotations": truth,
    }
    coco.createIndex()
    evaluation = COCOeval(coco, coco.loadRes(found), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation


@pytest.mark.parametrize("seed", range(4))
def test_equals_pycocotools(seed: int) -> None:
    images = random_images(np.random.default_rng(seed), 40)
    expected = oracle(images)
    ours = coco_metrics(images, LABELS)
    mean, at_50, at_75, small, medium, large = expected.stats[:6]
    assert 0.05 < mean < 0.95
    assert [ours.mAP, ours.mAP_50, ours.mAP_75] == pytest.approx([mean, at_50, at_75], abs=1e-9)
    assert list(ours.by_size.values()) == pytest.approx([small, medium, large], abs=1e-9)
    precision = expected.eval["precision"]
    for index, name in enumerate(("a", "b")):
        assert ours.by_class[name].mAP == pytest.approx(precision[:, :, index, 0, 2].mean(), abs=1e-9)
        assert ours.by_class[name].mAP_50 == pytest.approx(precision[0, :, index, 0, 2].mean(), abs=1e-9)
        recall = expected.eval["recall"][0, index, 0, 2]
        assert ours.by_class[name].recall_50 == pytest.approx(recall, abs=1e-9)
    assert ours.images == 40
    assert ours.groundtruth_boxes == sum(len(image.groundtruth_boxes) for image in images)


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


def test_no_detections_and_no_groundtruth() -> None:
    assert coco_metrics([one_image([1, 2], [])], LABELS).mAP == 0.0
    nothing = coco_metrics([one_image([], [1])], LABELS)
    assert (nothing.mAP, nothing.by_size["small"], nothing.groundtruth_boxes) == (None, None, 0)
    assert coco_metrics([], LABELS).images == 0
