import numpy as np
import pytest
import tensorflow as tf

from detection.preprocess import FixedShapeResizer, KeepAspectRatioResizer, normalize


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


@pytest.mark.parametrize("method", ["BILINEAR", "NEAREST_NEIGHBOR", "BICUBIC", "AREA"])
def test_bytes_give_what_their_floats_give(method: str) -> None:
    for resizer in (FixedShapeResizer(30, 41, method), KeepAspectRatioResizer(30, 60, method)):
        for seed, size in enumerate(((97, 131), (30, 41), (11, 17), (60, 30))):
            image = tf.random.stateless_uniform([1, *size, 3], [seed, 3], 0, 256, tf.int32)
            found, wanted = (resizer.resize(tf.cast(image, kind)) for kind in (tf.uint8, tf.float32))
            assert found.dtype == tf.float32
            np.testing.assert_array_equal(found, wanted)


def test_normalize_maps_bytes_to_minus_one_and_one() -> None:
    np.testing.assert_allclose(normalize(tf.constant([0, 255, 51], tf.uint8)), [-1.0, 1.0, -0.6], atol=1e-6)


def test_keeping_the_aspect_ratio_bounds_both_sides() -> None:
    resizer = KeepAspectRatioResizer(60, 100)
    for before, after in (
        ((30, 40), (60, 80)),
        ((40, 30), (80, 60)),
        ((30, 90), (33, 100)),
        ((50, 50), (60, 60)),
    ):
        resized = resizer.resize(tf.zeros([2, *before, 3], tf.uint8))
        assert resized.shape == (2, *after, 3) and resized.dtype == tf.float32


def test_keeping_the_aspect_ratio_equals_the_od_api() -> None:
    od_api = pytest.importorskip("object_detection.core.preprocessor", reason="the OD API is not installed")
    for size in ((97, 131), (131, 97), (40, 301)):
        image = tf.random.stateless_uniform([*size, 3], [1, 2], 0, 255)
        wanted, _ = od_api.resize_to_range(image, min_dimension=60, max_dimension=100)
        np.testing.assert_array_equal(KeepAspectRatioResizer(60, 100).resize(image[None])[0], wanted)
