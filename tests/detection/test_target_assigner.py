from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from detection.box_coder import FasterRcnnBoxCoder
from detection.matcher import ArgmaxMatcher
from detection.target_assigner import TargetAssigner

ANCHORS = tf.constant([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0], [0.0, 0.5, 0.5, 1.0]])
GROUNDTRUTH = {
    "boxes": tf.constant([[[0.0, 0.0, 0.5, 0.4], [0.0, 0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0, 0.0]] * 2]),
    "classes": tf.constant([[2, 0], [0, 0]]),
    "weights": tf.constant([[0.5, 0.0], [0.0, 0.0]]),
}


def assigner(**changes: Any) -> TargetAssigner:
    settings = {"matcher": ArgmaxMatcher(), "box_coder": FasterRcnnBoxCoder(), "num_classes": 2} | changes
    return TargetAssigner(**settings)


def test_matched_anchor_gets_class_weight_and_encoding() -> None:
    targets = assigner().assign(ANCHORS, GROUNDTRUTH)
    np.testing.assert_array_equal(targets.matches, [[0, -1, -1], [-1, -1, -1]])
    np.testing.assert_array_equal(targets.class_targets[0], [[0, 0, 1], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(targets.class_weights, [[0.5, 1, 1], [1, 1, 1]])
    np.testing.assert_array_equal(targets.box_weights, [[0.5, 0, 0], [0, 0, 0]])
    np.testing.assert_allclose(targets.box_targets[0, 0], [0, -1.0, 0, 5 * np.log(0.8)], atol=1e-5)
    np.testing.assert_array_equal(targets.box_targets[1], np.zeros([3, 4]))


def test_background_as_a_class_of_its_own() -> None:
    targets = assigner(encode_background_as_zeros=False, negative_class_weight=0.25).assign(
        ANCHORS, GROUNDTRUTH
    )
    np.testing.assert_array_equal(targets.class_targets[0], [[0, 0, 1], [1, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(targets.class_weights[1], [0.25] * 3)


def test_more_padding_changes_nothing() -> None:
    padded = {
        key: tf.pad(value, [[0, 0], [0, 5]] + [[0, 0]] * (len(value.shape) - 2))
        for key, value in GROUNDTRUTH.items()
    }
    for found, wanted in zip(
        assigner().assign(ANCHORS, padded), assigner().assign(ANCHORS, GROUNDTRUTH), strict=True
    ):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("match_all", [True, False])
def test_the_graph_does_not_grow_with_the_batch(match_all: bool) -> None:
    """The OD API's assigner has a copy of its operations for every image."""
    assign = tf.function(assigner(matcher=ArgmaxMatcher(force_match_for_each_row=match_all)).assign)

    def operations(batch_size: int | None, boxes: int | None) -> list[str]:
        groundtruth = {
            "boxes": tf.TensorSpec([batch_size, boxes, 4]),
            "classes": tf.TensorSpec([batch_size, boxes], tf.int32),
            "weights": tf.TensorSpec([batch_size, boxes]),
        }
        concrete = assign.get_concrete_function(ANCHORS, groundtruth)
        return [operation.type for operation in concrete.graph.get_operations()]

    assert operations(2, 4) == operations(64, 4) == operations(64, 100)
    assert len(operations(None, None)) <= 2 * len(operations(2, 4))
