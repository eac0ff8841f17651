import numpy as np
import tensorflow as tf

from detection.box_coder import FasterRcnnBoxCoder
from detection.nms import MulticlassNms
from detection.rpn import ProposalSelector, inside, normalized

WINDOW = tf.constant([0.0, 0.0, 100.0, 200.0])
ANCHORS = tf.constant(
    [[10, 10, 50, 50], [12, 10, 50, 50], [60, 60, 90, 160], [80, 150, 120, 210]], tf.float32
)


def test_proposals_are_the_best_boxes_relative_to_the_image() -> None:
    logits = tf.constant([[[0, 1], [0, 2], [0, 0], [0, 3]]], tf.float32)
    selector = ProposalSelector(FasterRcnnBoxCoder(), MulticlassNms(0.0, 0.7, 6, 6))
    found = selector(ANCHORS, tf.zeros([1, 4, 4]), logits, WINDOW)
    np.testing.assert_array_equal(found.count, [3])
    np.testing.assert_allclose(
        found.boxes[0],
        [[0.8, 0.75, 1, 1], [0.12, 0.05, 0.5, 0.25], [0.6, 0.3, 0.9, 0.8], *[[0, 0, 0, 0]] * 3],
        atol=1e-6,
    )


def test_inside_leaves_out_what_crosses_the_border() -> None:
    np.testing.assert_array_equal(inside(ANCHORS, WINDOW), [True, True, True, False])
    touching = tf.constant([[0.0, 0.0, 100.0, 200.0]])
    np.testing.assert_array_equal(inside(touching, WINDOW), [True])


def test_normalized_multiplies_by_the_reciprocal_as_tf1_does() -> None:
    side = tf.constant(41.0)  # 41 * (1 / 41) is not 1 in float32
    found = normalized(tf.fill([1, 4], 41.0), side, side).numpy()
    assert found[0, 0] == np.float32(41) * (np.float32(1) / np.float32(41)) != 1
