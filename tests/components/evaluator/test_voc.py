"""PASCAL VOC's average precision by hand, and against the definition written down another way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from components.evaluator.detections import ImageDetections
from components.evaluator.voc import voc_metrics
from tests.components.evaluator.drawn_sets import LABELS, SETS, image_of, random_images


def both(*images: ImageDetections) -> tuple[float | None, float | None]:
    metrics = voc_metrics(images, LABELS)
    assert metrics[2007].mean == metrics[2007].by_class["a"]
    return metrics[2007].by_class["a"], metrics[2012].by_class["a"]


def test_by_hand() -> None:
    # right, wrong, right, of three objects: precision 1, 1/2, 2/3 at recall 1/3, 1/3, 2/3
    eleven, area = both(image_of([0, 1, 2], [0, 9, 1], [0.9, 0.8, 0.7]))
    assert eleven == pytest.approx((4 * 1 + 3 * 2 / 3) / 11)  # recalls 0 to 0.3, then 0.4 to 0.6
    assert area == pytest.approx(1 / 3 * 1 + 1 / 3 * 2 / 3)


def test_tenths_of_recall_are_reached() -> None:
    eleven, _ = both(image_of(list(range(10)), [0, 1, 2], [0.9, 0.8, 0.7]))
    assert eleven == pytest.approx(4 / 11)  # at a recall of exactly 0.3


def test_an_object_is_found_once() -> None:
    eleven, area = both(image_of([0, 1], [0, 0, 1], [0.9, 0.8, 0.7]))
    assert area == pytest.approx(1 / 2 + 1 / 2 * 2 / 3)
    assert eleven == pytest.approx((6 * 1 + 5 * 2 / 3) / 11)


def test_difficult_objects_are_not_counted_and_detections_of_them_ignored() -> None:
    easy = both(image_of([0], [0], [0.5]))
    assert easy == (1.0, 1.0)
    assert both(image_of([0, 1], [0, 1, 1], [0.5, 0.9, 0.8], difficult=[False, True])) == easy
    assert both(image_of([0, 1], [0], [0.5], difficult=[False, True])) == easy
    assert both(image_of([0, 1], [0, 1], [0.5, 0.9], crowd=[False, True])) == easy


def test_only_difficult_objects_are_undefined() -> None:
    metrics = voc_metrics([image_of([0], [0], [0.9], difficult=[True])], LABELS)
    assert metrics[2007].mean is None and set(metrics[2012].by_class.values()) == {None}


def test_what_is_not_found_scores_zero() -> None:
    assert both(image_of([0], [9], [0.9])) == (0.0, 0.0)
    assert both(image_of([0], [], [])) == (0.0, 0.0)


def by_definition(images: list[ImageDetections], class_id: int) -> tuple[float, float] | None:
    """One detection after the other, as the challenge's text says it."""
    ranked = sorted(
        (-float(one.detection_scores[i]), number, i)
        for number, one in enumerate(images)
        for i in range(len(one.detection_scores))
        if one.detection_classes[i] == class_id
    )
    objects = {
        (number, i): bool(one.difficult[i] or one.crowd[i])
        for number, one in enumerate(images)
        for i in range(len(one.groundtruth_classes))
        if one.groundtruth_classes[i] == class_id
    }
    wanted = sum(not hard for hard in objects.values())
    if not wanted:
        return None
    seen, points, right, wrong = set(), [(0.0, 0.0)], 0, 0
    for _, number, i in ranked:
        box = images[number].detection_boxes[i]
        near = [
            (iou(box, images[number].groundtruth_boxes[j], images[number].crowd[j]), -j)
            for k, j in objects
            if k == number
        ]
        best, place = max(near, default=(0.0, 0))
        if best >= 0.5 and objects[number, -place]:
            continue
        if best >= 0.5 and (number, -place) not in seen:
            seen.add((number, -place))
            right += 1
        else:
            wrong += 1
        points.append((right / wanted, right / (right + wrong)))
    eleven = sum(max((p for r, p in points if r >= t / 10), default=0.0) for t in range(11)) / 11
    area = 0.0
    for (before, _), (recall, _) in zip(points, points[1:], strict=False):
        area += (recall - before) * max(p for r, p in points if r >= recall)
    return eleven, area


def iou(box: np.ndarray, other: np.ndarray, crowd: bool) -> float:
    box, other = box.astype(float), other.astype(float)
    height = max(0.0, min(box[2], other[2]) - max(box[0], other[0]))
    width = max(0.0, min(box[3], other[3]) - max(box[1], other[1]))
    area, truth = ((one[2] - one[0]) * (one[3] - one[1]) for one in (box, other))
    return height * width / (area if crowd else area + truth - height * width)


@pytest.mark.parametrize("name", ["plain", "crowds", "empty images", "hardly anything right", "exact boxes"])
def test_it_equals_the_definition(name: str) -> None:
    images, _ = SETS[name]()
    rng = np.random.default_rng(0)
    images = [
        replace(one, groundtruth_difficult=rng.uniform(size=len(one.groundtruth_classes)) < 0.2)
        for one in images
    ]
    metrics = voc_metrics(images, LABELS)
    for item in LABELS.items:
        expected = by_definition(images, item.id)
        ours = metrics[2007].by_class[item.name], metrics[2012].by_class[item.name]
        assert ours == ((None, None) if expected is None else pytest.approx(expected, abs=1e-12))


def test_the_mean_is_over_classes_with_objects() -> None:
    metrics = voc_metrics(random_images(3), LABELS)[2012]
    assert metrics.by_class["never"] is None
    present = [value for value in metrics.by_class.values() if value is not None]
    assert len(present) == 2 and metrics.mean == pytest.approx(sum(present) / 2)
