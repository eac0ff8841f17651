import numpy as np
import tensorflow as tf

from detection.box_coder import FasterRcnnBoxCoder

ANCHORS = tf.constant([[0.0, 0.0, 0.4, 0.2], [0.5, 0.5, 0.9, 0.9]])
BOXES = tf.constant([[[0.1, 0.0, 0.5, 0.4], [0.5, 0.5, 0.9, 0.9]]])


def test_encode_by_hand() -> None:
    encodings = FasterRcnnBoxCoder().encode(BOXES, ANCHORS).numpy()
    # centre (0.3, 0.2) from (0.2, 0.1), anchor 0.4 x 0.2, box 0.4 x 0.4
    np.testing.assert_allclose(encodings[0, 0], [2.5, 5.0, 0.0, 5 * np.log(2)], atol=1e-5)
    np.testing.assert_allclose(encodings[0, 1], [0, 0, 0, 0], atol=1e-6)


def test_decode_inverts_encode() -> None:
    coder = FasterRcnnBoxCoder(y_scale=7.0, x_scale=3.0, height_scale=2.0, width_scale=4.0)
    np.testing.assert_allclose(coder.decode(coder.encode(BOXES, ANCHORS), ANCHORS), BOXES, atol=1e-6)


def test_a_box_without_area_encodes_to_finite_numbers() -> None:
    encodings = FasterRcnnBoxCoder().encode(tf.zeros([1, 2, 4]), ANCHORS)
    assert np.isfinite(encodings).all()
