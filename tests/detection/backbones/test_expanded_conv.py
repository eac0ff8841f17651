import numpy as np
import tensorflow as tf

from detection.backbones.expanded_conv import ExpandedConv, SqueezeExcite, hard_sigmoid, make_divisible
from detection.hyperparams import ConvHyperparams

RELU = ConvHyperparams(activation=tf.nn.relu, l2=4e-5)


def test_make_divisible_never_loses_more_than_a_tenth() -> None:
    assert [make_divisible(depth, 8, 8) for depth in (3, 11.2, 16, 20, 89.6)] == [8, 16, 16, 24, 88]


def block(input_depth: int, depth: int, **options: object) -> ExpandedConv:
    settings = {"expanded_depth": 48, "stride": 1, "regularize_depthwise": False} | options
    return ExpandedConv(input_depth, depth, hyperparams=RELU, name="x", **settings)


def paths(layer: ExpandedConv) -> set[str]:
    return {variable.path.removeprefix("x/") for variable in layer.variables}


def test_a_strided_block_has_no_residual() -> None:
    outputs, expanded = block(8, 8, stride=2)(tf.ones([1, 8, 8, 8]))
    assert outputs.shape == (1, 4, 4, 8) and expanded.shape == (1, 8, 8, 48)


def test_a_fused_block_strides_in_its_expansion_and_has_no_depthwise_convolution() -> None:
    layer = block(8, 16, stride=2, fused=True)
    outputs, expanded = layer(tf.ones([1, 8, 8, 8]))
    assert outputs.shape == (1, 4, 4, 16) and expanded.shape == (1, 4, 4, 48)
    assert layer.expand is not None and layer.expand.kernel.shape == (3, 3, 8, 48)
    assert not [path for path in paths(layer) if "depthwise" in path]


def test_nothing_expands_to_fewer_channels() -> None:
    inputs = tf.ones([1, 8, 8, 8])
    layer = block(8, 16, expanded_depth=8, fused=True)
    outputs, expanded = layer(inputs)
    assert layer.expand is None and expanded is inputs and outputs.shape == (1, 8, 8, 16)


def test_a_residual_can_be_left_out() -> None:
    inputs = tf.random.stateless_normal([1, 8, 8, 8], seed=[1, 2])
    for residual in (True, False):
        layer = block(8, 8, residual=residual)
        layer(inputs)
        assert layer.project.batch_norm is not None
        layer.project.batch_norm.gamma.assign(np.zeros(8))
        np.testing.assert_array_equal(layer(inputs)[0], inputs if residual else tf.zeros_like(inputs))


def test_squeeze_and_excite_gates_channels_by_their_means() -> None:
    layer = SqueezeExcite(64, RELU)
    inputs = tf.random.stateless_uniform([2, 3, 5, 64], seed=[3, 4])
    outputs = layer(inputs)
    assert {variable.path for variable in layer.variables} == {
        f"squeeze_excite/{conv}/{leaf}" for conv in ("Conv", "Conv_1") for leaf in ("kernel", "bias")
    }
    squeezed = tf.nn.relu(tf.reduce_mean(inputs, [1, 2]) @ layer.squeeze.kernel.value[0, 0])
    assert squeezed.shape == (2, 16)
    gate = hard_sigmoid(squeezed @ layer.excite.kernel.value[0, 0])
    np.testing.assert_allclose(outputs, inputs * gate[:, None, None], atol=1e-6)
