"""The confusion matrix."""

from __future__ import annotations

import numpy as np
import pytest

from components.evaluator.confusion import confusion_matrix, pair
from components.evaluator.detections import ImageDetections, overlaps
from tests.components.evaluator.drawn_sets import LABELS, PLACES, SETS, label_map, random_images

NAMES = label_map(cat=1, dog=4)


def image(
    truth: dict[int, int], found: dict[int, int], scores: list[float], crowd: int | None = None
) -> ImageDetections:
    """Place -> class of objects and of detections."""
    return ImageDetections(
        height=300,
        width=400,
        groundtruth_boxes=PLACES[list(truth)],
        groundtruth_classes=np.array(list(truth.values()), np.int64),
        detection_boxes=PLACES[list(found)],
        detection_scores=np.array(scores, np.float32),
        detection_classes=np.array(list(found.values()), np.int64),
        groundtruth_crowd=np.array([place == crowd for place in truth], bool),
    )


def test_by_hand() -> None:
    one = image({0: 1, 1: 1, 2: 4, 3: 4}, {0: 1, 1: 4, 2: 4, 9: 1, 3: 4}, [0.9, 0.8, 0.7, 0.6, 0.4])
    matrix = confusion_matrix([one], NAMES, 0.5)
    assert matrix.classes == ["cat", "dog"]
    assert matrix.counts == [[1, 1, 0], [0, 1, 1], [1, 0, 0]]  # rows: cat, dog, background


def test_the_surer_detection_takes_the_object() -> None:
    first = image({0: 1}, {0: 4}, [0.9])
    both = ImageDetections(
        **{
            **first.__dict__,
            "detection_boxes": PLACES[[0, 0]],
            "detection_scores": np.array([0.6, 0.9], np.float32),
            "detection_classes": np.array([1, 4]),
        }
    )
    assert confusion_matrix([both], NAMES, 0.5).counts == [[0, 1, 0], [0, 0, 0], [1, 0, 0]]


def test_crowds_are_neither_objects_nor_background() -> None:
    one = image({0: 1, 5: 1}, {5: 1}, [0.9], crowd=5)
    assert confusion_matrix([one], NAMES, 0.5).counts == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]


def test_every_object_and_every_detection_is_counted_once() -> None:
    images = random_images(9)
    matrix = np.array(confusion_matrix(images, LABELS, 0.3).counts)
    truth = np.concatenate([one.groundtruth_classes for one in images])
    found = np.concatenate([one.detection_classes[one.detection_scores >= 0.3] for one in images])
    for index, item in enumerate(LABELS.items):
        assert matrix[index].sum() == (truth == item.id).sum()
        assert matrix[:, index].sum() == (found == item.id).sum()
    assert matrix[-1, -1] == 0


def test_an_image_without_objects() -> None:
    alone = pair([image({}, {3: 1}, [0.9])], 0.5)
    assert (alone.detection.tolist(), alone.object.tolist()) == ([0], [-1])
    nothing = pair([image({0: 1}, {}, [])], 0.5)
    assert (nothing.detection.tolist(), nothing.object.tolist(), nothing.missed.tolist()) == ([], [], [0])


def pair_by_hand(one: ImageDetections, score: float) -> list[tuple[int, int]]:
    """Detections and objects of an image, one after the other."""
    order = np.argsort(-one.detection_scores, kind="stable")
    order = order[one.detection_scores[order] >= np.float32(score)]
    free, pairs = ~one.crowd, []
    for row, index in zip(overlaps(one, order), order.tolist(), strict=True):
        values = np.where(free, row, -1.0)
        best = int(values.argmax()) if len(values) else -1
        if best >= 0 and values[best] >= 0.5:
            free[best] = False
            pairs.append((index, best))
        elif not (row[one.crowd] >= 0.5).any():
            pairs.append((index, -1))
    return sorted(pairs)


@pytest.mark.parametrize("name", SETS)
def test_all_images_at_once_are_paired_as_each_alone(name: str) -> None:
    images, _ = SETS[name]()
    pairs = pair(images, 0.2)
    first_found = np.cumsum([0, *(len(one.detection_scores) for one in images)])
    first_object = np.cumsum([0, *(len(one.groundtruth_classes) for one in images)])
    expected = [
        (int(first_found[number] + index), int(first_object[number] + best) if best >= 0 else -1)
        for number, one in enumerate(images)
        for index, best in pair_by_hand(one, 0.2)
    ]
    assert list(zip(pairs.detection.tolist(), pairs.object.tolist(), strict=True)) == expected
    assert expected
