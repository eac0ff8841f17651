import pytest

from detection.errors import BadInput
from detection.feature_maps import FeatureMapLayout, embedded_layout, feature_map_layers, ssd_layout
from detection.hyperparams import ConvHyperparams

ENDPOINTS = ("layer_15/expansion_output", "layer_19")


def names(layout: FeatureMapLayout, depth_multiplier: float = 1.0, min_depth: int = 16) -> list[str]:
    layers = feature_map_layers(
        layout, depth_multiplier=depth_multiplier, min_depth=min_depth, hyperparams=ConvHyperparams()
    )
    return [layer.name for layer in layers]


def test_names_of_ssdlite_are_those_of_real_checkpoints() -> None:
    layout = ssd_layout(ENDPOINTS, 6, use_depthwise=True, use_explicit_padding=False)
    found = names(layout)
    assert found[:3] == [
        "layer_19_1_Conv2d_2_1x1_256",
        "layer_19_2_Conv2d_2_3x3_s2_512_depthwise",
        "layer_19_2_Conv2d_2_3x3_s2_512",
    ]
    assert found[-1] == "layer_19_2_Conv2d_5_3x3_s2_128"
    assert len(found) == 4 * layout.layers_by_map


def test_depths_shrink_with_the_multiplier_but_not_below_the_minimum() -> None:
    layout = ssd_layout(ENDPOINTS, 4, use_depthwise=False, use_explicit_padding=False)
    assert names(layout, 0.25, 50) == [
        "layer_19_1_Conv2d_2_1x1_64",
        "layer_19_2_Conv2d_2_3x3_s2_128",
        "layer_19_1_Conv2d_3_1x1_50",
        "layer_19_2_Conv2d_3_3x3_s2_64",
    ]


def test_embedded_layout_ends_with_a_2x2_kernel() -> None:
    found = names(embedded_layout(ENDPOINTS, use_depthwise=False, use_explicit_padding=False))
    assert found[-1] == "layer_19_2_Conv2d_4_2x2_s2_256"


def test_two_layers_are_the_endpoints_alone() -> None:
    assert names(ssd_layout(ENDPOINTS, 2, use_depthwise=False, use_explicit_padding=False)) == []


def test_no_layers() -> None:
    with pytest.raises(BadInput, match="num_layers is 0"):
        ssd_layout(ENDPOINTS, 0, use_depthwise=False, use_explicit_padding=False)
