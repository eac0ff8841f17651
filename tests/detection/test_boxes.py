import numpy as np
import tensorflow as tf

from detection import boxes


def test_iou_of_known_overlaps() -> None:
    batch = tf.constant([[[0.0, 0.0, 0.5, 0.5], [0.0, 0.0, 0.0, 0.0]]])
    others = tf.constant(
        [[0.0, 0.0, 0.5, 0.5], [0.25, 0.0, 0.75, 0.5], [0.6, 0.6, 1.0, 1.0], [0.1, 0.1, 0.1, 0.1]]
    )
    found = boxes.iou(batch, others).numpy()
    np.testing.assert_allclose(found[0, 0], [1.0, 1 / 3, 0.0, 0.0], rtol=1e-6)
    np.testing.assert_array_equal(found[0, 1], [0.0] * 4)


def test_boxes_that_only_touch_do_not_overlap() -> None:
    found = boxes.iou(tf.constant([[[0.0, 0.0, 0.5, 0.5]]]), tf.constant([[0.5, 0.0, 1.0, 0.5]]))
    assert found.numpy().item() == 0.0


def test_clip_to_window_keeps_outside_boxes_without_area() -> None:
    window = tf.constant([0.0, 0.0, 1.0, 1.0])
    clipped = boxes.clip_to_window(tf.constant([[-0.5, 0.2, 0.5, 1.4], [1.1, 1.1, 1.2, 1.3]]), window)
    np.testing.assert_allclose(clipped, [[0.0, 0.2, 0.5, 1.0], [1.0, 1.0, 1.0, 1.0]])
    np.testing.assert_allclose(boxes.area(clipped), [0.4, 0.0], rtol=1e-6)


def test_center_size() -> None:
    y, x, height, width = boxes.center_size(tf.constant([[0.1, 0.2, 0.5, 0.8]]))
    np.testing.assert_allclose([y[0], x[0], height[0], width[0]], [0.3, 0.5, 0.4, 0.6], rtol=1e-6)


def test_iou_takes_other_boxes_of_each_image() -> None:
    batch = tf.constant([[[0.0, 0.0, 1.0, 1.0]], [[0.0, 0.0, 0.5, 0.5]]])
    quarter = [0.5, 0.5, 1.0, 1.0]
    others = tf.constant([[[0.0, 0.0, 1.0, 0.5], quarter], [[0.0, 0.0, 0.5, 0.5], quarter]])
    np.testing.assert_allclose(boxes.iou(batch, others), [[[0.5, 0.25]], [[1.0, 0.0]]])
