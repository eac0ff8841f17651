from dataclasses import replace

import numpy as np
import tensorflow as tf

from detection.backbones.mobilenet_v2 import (
    ENDPOINTS,
    SLIM_HYPERPARAMS,
    MobilenetV2,
    overridden_hyperparams,
)
from detection.feature_maps import ssd_layout
from detection.hyperparams import BatchNormParams


def network(depth_multiplier: float, min_depth: int = 8) -> MobilenetV2:
    layer = MobilenetV2(
        layout=ssd_layout(ENDPOINTS, 2, use_depthwise=False, use_explicit_padding=False),
        depth_multiplier=depth_multiplier,
        min_depth=min_depth,
        hyperparams=SLIM_HYPERPARAMS,
        feature_map_hyperparams=SLIM_HYPERPARAMS,
        regularize_depthwise=False,
    )
    layer(tf.zeros([1, 64, 64, 3]))
    return layer


def test_endpoints_are_the_expansion_of_layer_15_and_layer_19() -> None:
    maps = network(1.0)(tf.zeros([1, 64, 64, 3]))
    assert [tuple(features.shape) for features in maps] == [(1, 4, 4, 576), (1, 2, 2, 1280)]


def test_first_block_has_no_expansion() -> None:
    paths = [variable.path for variable in network(0.35).variables]
    assert "MobilenetV2/expanded_conv/depthwise/depthwise_kernel" in paths
    assert "MobilenetV2/expanded_conv/expand/kernel" not in paths
    assert "MobilenetV2/expanded_conv_16/expand/kernel" in paths


def test_the_residual_is_decided_after_min_depth() -> None:
    block = network(0.5, min_depth=16).blocks[0]  # 32 and 16 channels at full depth, 16 and 16 here
    inputs = tf.random.stateless_normal([1, 8, 8, 16], seed=[1, 2])
    assert block.project.batch_norm is not None
    block.project.batch_norm.gamma.assign(np.zeros(16))
    outputs, _ = block(inputs)
    np.testing.assert_array_equal(outputs, inputs)


def test_an_override_can_not_change_what_the_definition_fixes() -> None:
    config = replace(
        SLIM_HYPERPARAMS, activation=None, batch_norm=BatchNormParams(decay=0.5, epsilon=0.1, scale=False)
    )
    found = overridden_hyperparams(config)
    assert found.activation is tf.nn.relu6
    assert found.batch_norm == BatchNormParams(decay=0.5, epsilon=0.1, center=True, scale=True)
