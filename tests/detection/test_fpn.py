from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from detection.errors import BadInput
from detection.fpn import FeaturePyramid, backbone_levels
from detection.hyperparams import ConvHyperparams

HYPERPARAMS = replace(ConvHyperparams(), activation=tf.nn.relu)


def maps(sizes: tuple[int, ...] = (8, 4, 2)) -> list[tf.Tensor]:
    shapes = zip(sizes, (3, 5, 7), strict=True)
    return [tf.random.stateless_normal([1, size, size, depth], [size, 1]) for size, depth in shapes]


def pyramid(**options: bool) -> FeaturePyramid:
    return FeaturePyramid(
        depth=4, num_maps=3, coarse_names=["bottom_up_1", "bottom_up_2"], hyperparams=HYPERPARAMS, **options
    )


def test_maps_and_names() -> None:
    layer = pyramid()
    assert [tuple(features.shape) for features in layer(maps())] == [
        (1, 8, 8, 4),
        (1, 4, 4, 4),
        (1, 2, 2, 4),
        (1, 1, 1, 4),
        (1, 1, 1, 4),
    ]
    kernels = [variable.path for variable in layer.variables if variable.path.endswith("kernel")]
    assert kernels == [
        "fpn/projection_1/kernel",
        "fpn/projection_2/kernel",
        "fpn/projection_3/kernel",
        "fpn/smoothing_1/kernel",
        "fpn/smoothing_2/kernel",
        "fpn/bottom_up_1/kernel",
        "fpn/bottom_up_2/kernel",
    ]
    assert "fpn/projection_1/bias" in [variable.path for variable in layer.variables]


def test_depthwise_is_separable() -> None:
    layer = pyramid(use_depthwise=True)
    layer(maps())
    paths = [variable.path for variable in layer.variables]
    assert "fpn/smoothing_1/depthwise_kernel" in paths and "fpn/bottom_up_2/pointwise_kernel" in paths
    assert "fpn/projection_1/kernel" in paths


def test_the_sum_goes_down_before_it_is_smoothed() -> None:
    layer = pyramid()
    before = layer(maps())
    layer.smoothings[1].kernel.assign(tf.zeros_like(layer.smoothings[1].kernel))
    after = layer(maps())
    np.testing.assert_array_equal(after[0], before[0])  # the finest map doesn't read the smoothed middle
    assert float(tf.reduce_max(tf.abs(after[1]))) == 0.0
    np.testing.assert_array_equal(after[2], layer.projections[2](maps()[2]))  # nor is the coarsest smoothed


def test_explicit_padding_crops_maps_that_do_not_halve() -> None:
    found = pyramid(use_explicit_padding=True)(maps((7, 4, 2)))
    assert found[0].shape == (1, 7, 7, 4)


def test_levels_of_the_backbone() -> None:
    assert list(backbone_levels(3, 7, "fpn")) == [3, 4, 5]
    assert list(backbone_levels(2, 4, "fpn")) == [2, 3, 4]
    for levels in ((1, 7), (6, 7), (4, 3)):
        with pytest.raises(BadInput, match="the pyramid is from level"):
            backbone_levels(*levels, "fpn")
