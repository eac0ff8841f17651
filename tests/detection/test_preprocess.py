import numpy as np
import tensorflow as tf

from detection.preprocess import FixedShapeResizer, normalize


def test_bilinear_has_no_half_pixel_centres() -> None:
    row = tf.constant([[[[0], [100]]]], tf.uint8)
    found = FixedShapeResizer(1, 4).resize(tf.repeat(row, 3, axis=-1))
    # TF1 samples at 0, 0.5, 1, 1.5 source pixels; half-pixel centres would give 0, 25, 75, 100
    np.testing.assert_allclose(found[0, 0, :, 0], [0, 50, 100, 100])


def test_same_size_is_untouched_and_floats_pass() -> None:
    image = tf.random.uniform([2, 5, 7, 3], 0, 255)
    np.testing.assert_array_equal(FixedShapeResizer(5, 7).resize(image), image)


def test_other_methods() -> None:
    image = tf.constant([[[[0.0], [100.0]], [[50.0], [200.0]]]])
    nearest = FixedShapeResizer(4, 4, "NEAREST_NEIGHBOR").resize(image)
    np.testing.assert_array_equal(nearest[0, 0, :, 0], [0, 0, 100, 100])
    area = FixedShapeResizer(1, 1, "AREA").resize(image)
    np.testing.assert_allclose(area[0, 0, 0, 0], 87.5)


def test_normalize_maps_bytes_to_minus_one_and_one() -> None:
    np.testing.assert_allclose(normalize(tf.constant([0, 255, 51], tf.uint8)), [-1.0, 1.0, -0.6], atol=1e-6)
