from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from detection.backbones.inception_v2 import ENDPOINTS, InceptionV2, inception_v2_layers
from detection.backbones.scopes import Pool, Sequence
from detection.feature_maps import ssd_layout
from detection.hyperparams import BatchNormParams, ConvHyperparams

HYPERPARAMS = ConvHyperparams(batch_norm=BatchNormParams(decay=0.9997), l2=4e-5)


def network(depth_multiplier: float, min_depth: int) -> InceptionV2:
    layer = InceptionV2(
        layout=ssd_layout(ENDPOINTS, 3, use_depthwise=False, use_explicit_padding=False),
        depth_multiplier=depth_multiplier,
        min_depth=min_depth,
        hyperparams=HYPERPARAMS,
    )
    layer(tf.zeros([1, 64, 64, 3]))
    return layer


def test_maps_halve_from_stride_16() -> None:
    maps = network(0.25, 8)(tf.zeros([1, 64, 96, 3]))
    assert [tuple(features.shape) for features in maps] == [(1, 4, 6, 144), (1, 2, 3, 256), (1, 1, 2, 128)]


@pytest.mark.parametrize(("depth_multiplier", "each", "outputs"), [(1.0, 8, 64), (0.25, 5, 16)])
def test_the_colour_multiplier_keeps_the_pointwise_kernel_from_shrinking(
    depth_multiplier: float, each: int, outputs: int
) -> None:
    layer = inception_v2_layers(
        "Conv2d_1a_7x7",
        "Conv2d_1a_7x7",
        depth_multiplier=depth_multiplier,
        min_depth=16,
        hyperparams=HYPERPARAMS,
    )[0]
    layer(tf.zeros([1, 16, 16, 3]))
    shapes = {variable.path: tuple(variable.shape) for variable in layer.variables}
    assert shapes["Conv2d_1a_7x7/depthwise_kernel"] == (7, 7, 3, each)
    assert shapes["Conv2d_1a_7x7/pointwise_kernel"] == (1, 1, 3 * each, outputs)


def test_two_pieces_make_the_whole() -> None:
    whole = network(0.1, 8)
    images = tf.random.stateless_uniform([1, 64, 64, 3], seed=[1, 2])
    pieces = []
    for first, last in (("Conv2d_1a_7x7", "Mixed_4e"), ("Mixed_5a", "Mixed_5c")):
        layers = inception_v2_layers(first, last, depth_multiplier=0.1, min_depth=8, hyperparams=HYPERPARAMS)
        assert (layers[0].name, layers[-1].name) == (first, last)
        pieces.append(Sequence("InceptionV2", layers))
    values = {variable.path: variable.value for variable in whole.variables}
    features = images
    for piece in pieces:
        piece(features)
        for variable in piece.variables:
            variable.assign(values[variable.path])
        features = piece(features)
    np.testing.assert_array_equal(features, whole.endpoints(images, False)["Mixed_5c"])


def test_the_last_module_pools_by_maximum_and_the_one_before_by_average() -> None:
    features = tf.random.stateless_uniform([1, 4, 4, 2], seed=[1, 2])
    kinds: dict[str, tf.Tensor] = {}
    for layer in network(0.1, 8)._flatten_layers():
        if isinstance(layer, Pool):
            kinds.setdefault(layer.name, layer(features))
    average = keras.layers.AveragePooling2D(3, 1, padding="same")(features)
    maximum = keras.layers.MaxPooling2D(3, 1, padding="same")(features)
    np.testing.assert_allclose(kinds["AvgPool_0a_3x3"], average, rtol=1e-6)
    np.testing.assert_array_equal(kinds["MaxPool_0a_3x3"], maximum)


def test_initial_deviations_of_the_definition_win() -> None:
    wide = replace(HYPERPARAMS, initializer=keras.initializers.TruncatedNormal(stddev=7.0))
    layers = inception_v2_layers(
        "Conv2d_1a_7x7", "Conv2d_2c_3x3", depth_multiplier=1.0, min_depth=16, hyperparams=wide
    )
    piece = Sequence("InceptionV2", layers)
    piece(tf.zeros([1, 32, 32, 3]))
    deviations = {v.path: float(np.std(v)) for v in piece.variables if "kernel" in v.path}
    wanted = {
        "InceptionV2/Conv2d_1a_7x7/depthwise_kernel": 1.0,
        "InceptionV2/Conv2d_1a_7x7/pointwise_kernel": 1.0,
        "InceptionV2/Conv2d_2b_1x1/kernel": 0.1,
        "InceptionV2/Conv2d_2c_3x3/kernel": 7.0,
    }
    for path, deviation in wanted.items():
        # a truncated normal's deviation is 0.88 of what it was cut from
        np.testing.assert_allclose(deviations[path], 0.88 * deviation, rtol=0.1)
