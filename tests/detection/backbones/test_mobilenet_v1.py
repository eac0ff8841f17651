import tensorflow as tf

from detection.backbones.mobilenet_v1 import ENDPOINTS, SLIM_HYPERPARAMS, MobilenetV1
from detection.feature_maps import ssd_layout


def network(depth_multiplier: float, regularize_depthwise: bool = True) -> MobilenetV1:
    layout = ssd_layout(ENDPOINTS, 3, use_depthwise=False, use_explicit_padding=False)
    layer = MobilenetV1(
        layout=layout,
        depth_multiplier=depth_multiplier,
        min_depth=8,
        hyperparams=SLIM_HYPERPARAMS,
        feature_map_hyperparams=SLIM_HYPERPARAMS,
        regularize_depthwise=regularize_depthwise,
    )
    layer(tf.zeros([1, 64, 64, 3]))
    return layer


def test_maps_halve_from_stride_16() -> None:
    maps = network(0.25)(tf.zeros([1, 64, 96, 3]))
    assert [tuple(features.shape) for features in maps] == [(1, 4, 6, 128), (1, 2, 3, 256), (1, 1, 2, 128)]


def test_depth_multiplier_is_applied_once_and_bounded_below() -> None:
    by_path = {variable.path: variable for variable in network(0.1).variables}
    assert by_path["MobilenetV1/Conv2d_0/kernel"].shape == (3, 3, 3, 8)
    assert by_path["MobilenetV1/Conv2d_13_pointwise/kernel"].shape == (1, 1, 102, 102)
    assert "MobilenetV1/Conv2d_13_pointwise_2_Conv2d_2_3x3_s2_51/kernel" in by_path


def test_depthwise_kernels_are_regularised_only_on_request() -> None:
    for regularize in (True, False):
        convs = {conv.name: conv for conv in network(0.1, regularize).trunk}
        assert (float(convs["Conv2d_5_depthwise"].penalty()) > 0) == regularize
        assert float(convs["Conv2d_5_pointwise"].penalty()) > 0
