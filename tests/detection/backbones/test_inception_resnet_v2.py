from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from detection.backbones.inception_resnet_v2 import (
    REPEATS,
    InceptionConv,
    InceptionPool,
    InceptionResidual,
    _Residual,
    image_layers,
    proposal_layers,
    slim_hyperparams,
)
from detection.backbones.scopes import Sequence
from detection.layers import Conv

HYPERPARAMS = slim_hyperparams(train_batch_norm=False)
SMALL = _Residual(((("Conv2d_1x1", 2),), (("Conv2d_0a_1x1", 3), ("Conv2d_0b_1x7", 2))), 4)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that builds faster than the one of 39 repeated units."""
    for kind in REPEATS:
        monkeypatch.setitem(REPEATS, kind, 2)


def convolutions(layers: list[keras.layers.Layer]) -> list[Conv]:
    return [conv for layer in layers for conv in layer._flatten_layers() if isinstance(conv, Conv)]


def test_networks_have_their_convolutions() -> None:
    image = {layer.name: len(convolutions([layer])) for layer in image_layers(16, HYPERPARAMS)}
    assert sum(image.values()) == 5 + 7 + 70 + 4 + 100
    assert (image["Mixed_5b"], image["Repeat"], image["Mixed_6a"], image["Repeat_1"]) == (7, 70, 4, 100)
    proposals = {layer.name: len(convolutions([layer])) for layer in proposal_layers(HYPERPARAMS)}
    assert proposals == {"Mixed_7a": 7, "Repeat": 45, "Block8": 5, "Conv2d_7b_1x1": 1}


@pytest.mark.parametrize(("output_stride", "rate"), [(16, 1), (8, 2)])
@pytest.mark.usefixtures("short")
def test_the_image_half_has_slims_scopes_and_strides(output_stride: int, rate: int) -> None:
    network = Sequence("InceptionResnetV2", image_layers(output_stride, HYPERPARAMS))
    features = network(tf.zeros([1, 72, 104, 3]))
    assert features.shape == (1, -(-72 // output_stride), -(-104 // output_stride), 1088)
    by_name = {layer.name: layer for layer in network.layers}
    assert {conv._dilation for conv in convolutions([by_name["Repeat"]])} == {1}
    assert {conv._dilation for conv in convolutions([by_name["Repeat_1"]]) if conv._height == 7} == {rate}
    paths = {variable.path.removeprefix("InceptionResnetV2/"): variable for variable in network.variables}
    assert {
        "Conv2d_1a_3x3/BatchNorm/beta",
        "Mixed_5b/Branch_3/Conv2d_0b_1x1/kernel",
        "Repeat/block35_1/Branch_2/Conv2d_0c_3x3/kernel",
        "Repeat/block35_2/Conv2d_1x1/bias",
        "Mixed_6a/Branch_1/Conv2d_1a_3x3/kernel",
        "Repeat_1/block17_2/Branch_1/Conv2d_0c_7x1/BatchNorm/moving_variance",
    } <= set(paths)
    assert not any("gamma" in path for path in paths)
    assert paths["Repeat_1/block17_1/Branch_1/Conv2d_0b_1x7/kernel"].shape == (1, 7, 128, 160)
    assert paths["Repeat_1/block17_1/Branch_1/Conv2d_0c_7x1/kernel"].shape == (7, 1, 160, 192)


@pytest.mark.usefixtures("short")
def test_a_dense_network_has_the_strided_ones_values() -> None:
    # 72 pixels are 9 cells at stride 8: an odd number, which SAME pads on both sides
    images = tf.random.stateless_uniform([1, 72, 72, 3], seed=[1, 2])
    dense, strided = (Sequence("InceptionResnetV2", image_layers(stride, HYPERPARAMS)) for stride in (8, 16))
    dense(images), strided(images)
    for mine, theirs in zip(dense.variables, strided.variables, strict=True):
        assert mine.path == theirs.path
        mine.assign(theirs.value)
    wanted = strided(images)
    found = dense(images)[:, ::2, ::2]
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4 * float(tf.reduce_max(wanted)))


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(("crop", "size"), [(17, 8), (7, 3)])
def test_the_proposals_half_strides_without_padding(crop: int, size: int) -> None:
    network = Sequence("InceptionResnetV2", proposal_layers(HYPERPARAMS))
    assert network(tf.zeros([2, crop, crop, 1088])).shape == (2, size, size, 1536)
    paths = {variable.path.removeprefix("InceptionResnetV2/") for variable in network.variables}
    assert {
        "Mixed_7a/Branch_2/Conv2d_1a_3x3/kernel",
        "Repeat/block8_2/Branch_1/Conv2d_0b_1x3/kernel",
        "Block8/Branch_1/Conv2d_0c_3x1/kernel",
        "Block8/Conv2d_1x1/bias",
        "Conv2d_7b_1x1/BatchNorm/beta",
    } <= paths


def test_mixed_7a_at_the_corner_is_the_convolution_of_the_corner() -> None:
    mixed = proposal_layers(HYPERPARAMS)[0]
    features = tf.random.stateless_normal([1, 7, 7, 1088], seed=[3, 4])
    whole, corner = mixed(features), mixed(features[:, :3, :3])
    assert corner.shape == (1, 1, 1, 384 + 288 + 320 + 1088)
    # the branch with two 3x3 pads the first of them; the others see the corner alone
    for start, stop in ((0, 672), (992, 2080)):
        np.testing.assert_allclose(
            whole[:, :1, :1, start:stop], corner[..., start:stop], rtol=1e-4, atol=1e-4
        )


def test_a_residual_unit_adds_its_scaled_branches() -> None:
    linear = InceptionResidual("unit", SMALL, scale=0.3, hyperparams=HYPERPARAMS, activate=False)
    active = InceptionResidual("unit", SMALL, scale=0.3, hyperparams=HYPERPARAMS)
    inputs = tf.random.stateless_normal([1, 5, 9, 4], seed=[5, 6])
    outputs, _ = linear(inputs), active(inputs)
    for mine, theirs in zip(active.variables, linear.variables, strict=True):
        mine.assign(theirs.value)
    mixed = tf.concat([branch(inputs) for branch in linear.branches], axis=-1)
    assert mixed.shape == (1, 5, 9, 4)
    up = tf.einsum("bhwi,io->bhwo", mixed, linear.up.kernel.value[0, 0]) + linear.up.bias.value
    np.testing.assert_allclose(outputs, inputs + 0.3 * up, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(active(inputs), tf.nn.relu(outputs), rtol=1e-6)
    assert float(tf.reduce_min(outputs)) < 0


def test_a_kernel_is_as_high_and_wide_as_its_name_says() -> None:
    conv = InceptionConv("Conv2d_0b_1x7", 2, hyperparams=replace(HYPERPARAMS, batch_norm=None), dilation=2)
    image = np.zeros([1, 9, 21, 1], np.float32)
    image[0, 4, 10, 0] = 1.0
    assert conv(tf.constant(image)).shape == (1, 9, 21, 2)
    conv.kernel.assign(tf.ones_like(conv.kernel))
    rows, columns = np.nonzero(conv(tf.constant(image)).numpy()[0, :, :, 0])
    assert set(rows) == {4} and list(columns) == [4, 6, 8, 10, 12, 14, 16]


def test_an_average_leaves_the_padding_out() -> None:
    pool = InceptionPool("AvgPool_0a_3x3", maximum=False)
    np.testing.assert_allclose(pool(tf.ones([1, 4, 4, 1])), np.ones([1, 4, 4, 1]), rtol=1e-6)


def test_batch_norm_is_slims() -> None:
    params = slim_hyperparams(train_batch_norm=True).batch_norm
    assert params is not None and params.train
    assert (params.decay, params.epsilon, params.scale, params.center) == (0.9997, 0.001, False, True)
