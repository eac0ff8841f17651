import numpy as np
import pytest
import tensorflow as tf

from detection.backbones.mobilenet_v2 import SLIM_HYPERPARAMS
from detection.backbones.mobilenet_v3 import EDGETPU, LARGE, SMALL, MobilenetV3, Network, hard_swish
from detection.feature_maps import ssd_layout


def network(definition: Network, depth_multiplier: float = 1.0, min_depth: int = 8) -> MobilenetV3:
    layer = MobilenetV3(
        definition,
        layout=ssd_layout(definition.endpoints, 2, use_depthwise=False, use_explicit_padding=False),
        depth_multiplier=depth_multiplier,
        min_depth=min_depth,
        hyperparams=SLIM_HYPERPARAMS,
        feature_map_hyperparams=SLIM_HYPERPARAMS,
        regularize_depthwise=False,
    )
    layer(tf.zeros([1, 64, 64, 3]))
    return layer


def paths(layer: MobilenetV3) -> set[str]:
    return {variable.path for variable in layer.variables}


@pytest.mark.parametrize(
    ("definition", "shapes"),
    [
        (LARGE, [(1, 4, 4, 672), (1, 2, 2, 480)]),
        (SMALL, [(1, 4, 4, 288), (1, 2, 2, 288)]),
        (EDGETPU, [(1, 4, 4, 384), (1, 2, 2, 192)]),
    ],
)
def test_endpoints(definition: Network, shapes: list[tuple[int, ...]]) -> None:
    maps = network(definition)(tf.zeros([1, 64, 64, 3]))
    assert [tuple(features.shape) for features in maps] == shapes


def test_scopes_of_large() -> None:
    found = paths(network(LARGE, 0.25))
    assert "MobilenetV3/Conv/kernel" in found and "MobilenetV3/Conv_1/kernel" in found
    assert "MobilenetV3/expanded_conv/expand/kernel" not in found
    assert "MobilenetV3/expanded_conv_3/squeeze_excite/Conv_1/bias" in found
    assert "MobilenetV3/expanded_conv_14/depthwise/depthwise_kernel" in found
    assert not [path for path in found if path.startswith("MobilenetV3/expanded_conv_15")]


def test_edgetpu_is_fused_first_and_has_no_last_convolution() -> None:
    layer = network(EDGETPU, 0.25)
    found = paths(layer)
    assert "MobilenetEdgeTPU/expanded_conv_8/depthwise/depthwise_kernel" not in found
    assert "MobilenetEdgeTPU/expanded_conv_9/depthwise/depthwise_kernel" in found
    assert not [path for path in found if "Conv_1" in path or "squeeze_excite" in path]
    expand = layer.blocks[1].expand
    assert expand is not None and expand.kernel.shape[:2] == (3, 3)


def test_a_factor_of_one_expands_where_the_channels_are_no_multiple_of_eight() -> None:
    assert "MobilenetV3/expanded_conv/expand/kernel" in paths(network(SMALL, 0.5, min_depth=12))


def test_hard_swish() -> None:
    values = tf.constant([-4.0, -1.0, 0.0, 2.0, 5.0])
    np.testing.assert_allclose(hard_swish(values), [0, -1 / 3, 0, 5 / 3, 5], rtol=1e-6, atol=1e-7)
