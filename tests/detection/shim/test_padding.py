from __future__ import annotations

import numpy as np
import tensorflow as tf

from detection.config import protos
from detection.shim.padding import Padding, take_padding


def _resizer(**fields: object) -> object:
    resizer = protos.ImageResizer()
    for name, value in fields.items():
        target = resizer.keep_aspect_ratio_resizer
        if isinstance(value, list):
            getattr(target, name).extend(value)
        else:
            setattr(target, name, value)
    return resizer


def test_a_padding_is_taken_out_of_the_config() -> None:
    resizer = _resizer(max_dimension=64, pad_to_max_dimension=True, per_channel_pad_value=[1.0, 2.0, 3.0])
    assert take_padding(resizer) == Padding(64, (1.0, 2.0, 3.0))
    assert not resizer.keep_aspect_ratio_resizer.pad_to_max_dimension
    assert take_padding(_resizer(max_dimension=64, pad_to_max_dimension=True)) == Padding(64, (0.0, 0.0, 0.0))
    assert take_padding(_resizer(max_dimension=64)) is None
    assert take_padding(protos.ImageResizer()) is None


def test_pixels_of_the_padding_are_preprocessed_like_any_other() -> None:
    def preprocess(pixels: tf.Tensor) -> tf.Tensor:
        return pixels * 2.0 - 1.0

    image = tf.random.uniform([2, 3, 5, 3], 0, 255, seed=1)
    whole = np.full([2, 8, 8, 3], [10.0, 20.0, 30.0], np.float32)
    whole[:, :3, :5] = image
    padded = Padding(8, (10.0, 20.0, 30.0)).pad(preprocess(image), preprocess)
    np.testing.assert_allclose(padded, preprocess(whole), rtol=1e-6)


def test_boxes_and_masks_follow_the_padding() -> None:
    groundtruth = {"boxes": tf.constant([[[0.0, 0.5, 1.0, 1.0]]]), "masks": tf.ones([1, 1, 4, 2])}
    padded = Padding(8, (0.0, 0.0, 0.0)).pad_groundtruth(groundtruth, tf.constant([4, 2]))
    np.testing.assert_allclose(padded["boxes"], [[[0.0, 0.125, 0.5, 0.25]]])
    assert padded["masks"].shape == [1, 1, 8, 8]
    np.testing.assert_array_equal(tf.where(padded["masks"][0, 0] > 0)[-1], [3, 1])
