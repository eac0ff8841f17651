"""Pictures show the pixels that the network gets, and boxes where they are."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.evaluator.metrics import ImageDetections
from components.trainer.board import Board
from components.trainer.pictures import draw, visible_pixels
from components.trainer.validation import ValidationResult
from detection.config.label_map import parse_label_map
from detection.preprocess import normalize

LABELS = parse_label_map("item { id: 1 name: 'red' }\nitem { id: 2 name: 'green' }", "tests")
GREEN, PINK = (60, 220, 90), (255, 70, 200)
NORMALISATIONS = {
    "to -1..1": normalize,
    "less the mean": lambda images: tf.cast(images, tf.float32) - [123.68, 116.779, 103.939],
    "mean and deviation": lambda images: (
        (tf.cast(images, tf.float32) / 255.0 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    ),
}


def labelled(truth: list[list[float]], found: list[list[float]], scores: list[float]) -> ImageDetections:
    return ImageDetections(
        height=100,
        width=200,
        groundtruth_boxes=np.array(truth, np.float32).reshape(-1, 4),
        groundtruth_classes=np.ones(len(truth), np.int64),
        detection_boxes=np.array(found, np.float32).reshape(-1, 4),
        detection_scores=np.array(scores, np.float32),
        detection_classes=np.full(len(found), 2),
    )


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_normalisation_is_undone(name: str) -> None:
    detector: Any = SimpleNamespace(preprocess=NORMALISATIONS[name])
    pixels = np.random.default_rng(0).integers(0, 256, [6, 5, 3], np.uint8)
    np.testing.assert_array_equal(visible_pixels(detector, detector.preprocess(pixels).numpy()), pixels)


def test_objects_are_green_and_sure_detections_pink() -> None:
    pixels = np.full([100, 200, 3], 10, np.uint8)
    image = labelled([[0.2, 0.1, 0.6, 0.4]], [[0.3, 0.5, 0.8, 0.9], [0.0, 0.0, 0.1, 0.1]], [0.9, 0.4])
    picture = draw(pixels, image, {1: "red", 2: "green"})
    assert picture.shape == (100, 200, 3)
    for column in (20, 80):
        assert GREEN in map(tuple, picture[40, column - 1 : column + 2])
    for column in (100, 180):
        assert PINK in map(tuple, picture[60, column - 1 : column + 2])
    assert (picture[2:15, 2:18] == 10).all()  # a score too low to be shown
    assert (picture[30:55, 25:75] == 10).all()  # the inside stays
    assert (pixels == 10).all()


def test_large_pictures_are_made_smaller_and_odd_boxes_are_left_out() -> None:
    image = labelled([[0.5, 0.5, 0.4, 0.9], [-1.0, 0.25, 2.0, 0.75], [np.nan] * 4], [], [])
    picture = draw(np.zeros([500, 1000, 3], np.uint8), image, {1: "red"})
    assert picture.shape == (240, 480, 3) and tuple(picture[120, 120]) == GREEN


def test_board_holds_curves_and_pictures(tmp_path: Path) -> None:
    detector: Any = SimpleNamespace(preprocess=normalize)
    images = normalize(tf.zeros([6, 40, 60, 3]))
    groundtruth = {
        "boxes": tf.tile([[[0.1, 0.1, 0.9, 0.9], [0.0, 0.0, 0.0, 0.0]]], [6, 1, 1]),
        "classes": tf.ones([6, 2], tf.int32),
        "weights": tf.tile([[1.0, 0.0]], [6, 1]),
    }
    with Board(tmp_path, detector, LABELS) as board:
        board.show_training(0, (images, groundtruth))
        board.write(3, {"loss": 1.5, "gradient_norm": 2.0})
        result = ValidationResult({}, [images[0].numpy()], [labelled([], [[0.1, 0.1, 0.5, 0.5]], [0.9])])
        board.show_validation(3, result)
    found = {}
    for file in tmp_path.glob("events*"):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                found[value.tag, event.step] = tf.make_ndarray(value.tensor)
    assert found["loss", 3] == 1.5 and found["gradient_norm", 3] == 2.0
    pictures = {f"training/{number}" for number in range(1, 5)} | {"validation/1"}
    assert {tag for tag, _ in found} == {"loss", "gradient_norm"} | pictures
    width, height, png = found["training/4", 0]
    assert (int(width), int(height)) == (60, 40)
    assert tuple(tf.io.decode_png(png)[20, 6].numpy()) == GREEN
    assert tuple(tf.io.decode_png(found["validation/1", 3][2])[10, 6].numpy()) == PINK
