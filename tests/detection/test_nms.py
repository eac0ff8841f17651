import numpy as np
import tensorflow as tf

from detection.nms import MulticlassNms

BOXES = tf.constant(
    [
        [
            [0.0, 0.0, 0.4, 0.4],
            [0.0, 0.0, 0.4, 0.38],  # on the first one
            [0.5, 0.5, 0.9, 0.9],
            [0.6, 1.2, 0.8, 1.4],  # outside the image
        ]
    ]
)


def test_suppresses_by_class_and_sorts_over_classes() -> None:
    scores = tf.constant([[[0.9, 0.1], [0.8, 0.7], [0.3, 0.6], [0.0, 0.0]]])
    kept = MulticlassNms(0.2, 0.6, 10, 5)(BOXES, scores)
    np.testing.assert_allclose(kept.scores, [[0.9, 0.7, 0.6, 0.3, 0.0]])
    np.testing.assert_array_equal(kept.classes, [[0, 1, 1, 0, 0]])
    np.testing.assert_array_equal(kept.anchor_indices, [[0, 1, 2, 2, 0]])
    np.testing.assert_array_equal(kept.valid, [[True, True, True, True, False]])
    np.testing.assert_array_equal(kept.boxes[0, 4], [0, 0, 0, 0])


def test_score_threshold_is_exclusive() -> None:
    scores = tf.constant([[[0.5], [0.1], [0.6], [0.1]]])
    kept = MulticlassNms(0.5, 0.6, 10, 3)(BOXES, scores)
    np.testing.assert_array_equal(kept.valid, [[True, False, False]])


def test_a_box_outside_is_dropped_before_the_total_is_cut() -> None:
    scores = tf.constant([[[0.5], [0.0], [0.6], [0.9]]])
    kept = MulticlassNms(0.2, 0.6, 10, 2)(BOXES, scores)
    np.testing.assert_allclose(kept.scores, [[0.6, 0.5]])


def test_boxes_are_clipped_after_suppression() -> None:
    boxes = tf.constant([[[-1.0, 0.0, 0.5, 1.0], [0.0, 0.0, 0.5, 1.0]]])
    kept = MulticlassNms(0.0, 0.6, 10, 2)(boxes, tf.constant([[[0.9], [0.8]]]))
    # unclipped they overlap by a third only, so both stay, with equal corners
    np.testing.assert_allclose(kept.boxes, [[[0, 0, 0.5, 1]] * 2])


def test_limit_by_class() -> None:
    boxes = tf.constant([[[0.0, 0.0, 0.1, 0.1], [0.3, 0.3, 0.4, 0.4], [0.6, 0.6, 0.7, 0.7]]])
    scores = tf.constant([[[0.9, 0.2], [0.8, 0.1], [0.7, 0.0]]])
    kept = MulticlassNms(0.05, 0.6, 1, 4)(boxes, scores)
    np.testing.assert_allclose(kept.scores, [[0.9, 0.2, 0.0, 0.0]])


def test_images_of_a_batch_do_not_meet() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 0.7, [3, 50, 2])
    boxes = np.concatenate([corners, corners + rng.uniform(0.05, 0.3, [3, 50, 2])], -1).astype(np.float32)
    scores = rng.uniform(0, 1, [3, 50, 4]).astype(np.float32)
    nms = MulticlassNms(0.3, 0.5, 8, 12)
    together = nms(tf.constant(boxes), tf.constant(scores))
    for image in range(3):
        alone = nms(tf.constant(boxes[image : image + 1]), tf.constant(scores[image : image + 1]))
        for batch_values, values in zip(together, alone, strict=True):
            np.testing.assert_array_equal(batch_values[image], values[0])


def test_each_class_can_have_its_own_boxes_and_another_window() -> None:
    moved = tf.stack([BOXES, BOXES + 0.05], axis=2) * 10.0
    scores = tf.constant([[[0.9, 0.1], [0.8, 0.7], [0.3, 0.6], [0.0, 0.0]]])
    kept = MulticlassNms(0.2, 0.6, 10, 5)(moved, scores, tf.constant([0.0, 0.0, 10.0, 6.0]))
    np.testing.assert_allclose(kept.scores, [[0.9, 0.7, 0.6, 0.3, 0.0]])
    np.testing.assert_array_equal(kept.classes, [[0, 1, 1, 0, 0]])
    np.testing.assert_allclose(kept.boxes[0, 1], [0.5, 0.5, 4.5, 4.3], rtol=1e-6)
    np.testing.assert_allclose(kept.boxes[0, 3], [5, 5, 9, 6], rtol=1e-6)
