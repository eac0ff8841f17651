from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from detection.backbones.resnet_v1 import (
    BLOCKS,
    SLIM_HYPERPARAMS,
    UNITS,
    ResnetV1,
    overridden_hyperparams,
    resnet_v1_layers,
    subtract_channel_means,
)
from detection.backbones.scopes import Sequence
from detection.feature_maps import FeatureMapLayout
from detection.hyperparams import BatchNormParams
from detection.layers import Conv

IMAGES = tf.random.stateless_uniform([1, 64, 96, 3], seed=[1, 2])


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that builds faster than the 50 layers."""
    monkeypatch.setitem(UNITS, "tiny", (1, 2, 1, 1))


def trunk(last: str, output_stride: int | None = None, whole_endpoints: bool = False) -> Sequence:
    layers = resnet_v1_layers(
        "tiny",
        last=last,
        hyperparams=SLIM_HYPERPARAMS,
        depth_multiplier=0.05,
        output_stride=output_stride,
        whole_endpoints=whole_endpoints,
    )
    sequence = Sequence("tiny", layers)
    sequence(IMAGES)
    return sequence


def rates(sequence: Sequence, block: str) -> set[int]:
    return {
        layer._dilation
        for layer in sequence.layers
        if layer.name == block
        for layer in layer._flatten_layers()
        if isinstance(layer, Conv) and layer.name == "conv2"
    }


def test_maps_are_whole_and_have_slims_depths() -> None:
    network = ResnetV1(
        "tiny",
        layout=FeatureMapLayout(BLOCKS, (), ()),
        depth_multiplier=0.25,
        min_depth=8,
        hyperparams=SLIM_HYPERPARAMS,
    )
    maps = network(IMAGES)
    assert [tuple(features.shape) for features in maps] == [
        (1, 16, 24, 64),
        (1, 8, 12, 128),
        (1, 4, 6, 256),
        (1, 2, 3, 512),
    ]
    paths = {variable.path for variable in network.variables}
    # 64 channels go in and come out of block1 at this depth, so that nothing projects them
    assert "tiny/block1/unit_1/bottleneck_v1/shortcut/kernel" not in paths
    assert "tiny/block2/unit_1/bottleneck_v1/shortcut/kernel" in paths
    assert "tiny/block2/unit_2/bottleneck_v1/conv3/kernel" in paths
    assert "tiny/block2/unit_2/bottleneck_v1/shortcut/kernel" not in paths


@pytest.mark.parametrize(
    ("architecture", "convolutions"), [("resnet_v1_50", 53), ("resnet_v1_101", 104), ("resnet_v1_152", 155)]
)
def test_networks_have_their_convolutions(architecture: str, convolutions: int) -> None:
    # the number in the name, less the classifier, plus four shortcuts
    layers = resnet_v1_layers(architecture, last="block4", hyperparams=SLIM_HYPERPARAMS)
    assert len([c for top in layers for c in top._flatten_layers() if isinstance(c, Conv)]) == convolutions


def test_the_network_ends_with_the_pyramids_coarsest_block() -> None:
    layout = FeatureMapLayout(BLOCKS[:3], (), ())
    network = ResnetV1(
        "tiny", layout=layout, depth_multiplier=0.25, min_depth=8, hyperparams=SLIM_HYPERPARAMS
    )
    assert network.trunk[-1].name == "block3"


def test_striding_in_the_last_unit_equals_striding_after_the_block() -> None:
    inside, after = trunk("block4"), trunk("block4", whole_endpoints=True)
    for mine, theirs in zip(inside.variables, after.variables, strict=True):
        assert mine.path == theirs.path
        mine.assign(theirs.value)
    np.testing.assert_allclose(inside(IMAGES), after(IMAGES), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("output_stride", "size", "wanted"),
    [(16, (4, 6), (1, 1, 2)), (8, (8, 12), (1, 2, 4)), (None, (2, 3), (1, 1, 1))],
)
def test_dilation_replaces_stride(
    output_stride: int | None, size: tuple[int, int], wanted: tuple[int, int, int]
) -> None:
    network = trunk("block4", output_stride)
    assert tuple(network(IMAGES).shape[1:3]) == size
    assert [rates(network, block) for block in BLOCKS[1:]] == [{rate} for rate in wanted]


def test_a_dense_network_has_the_strided_ones_values() -> None:
    strided, dense = trunk("block4"), trunk("block4", output_stride=8)
    for mine, theirs in zip(dense.variables, strided.variables, strict=True):
        mine.assign(theirs.value)
    every_fourth = dense(IMAGES)[:, ::4, ::4]
    np.testing.assert_allclose(every_fourth, strided(IMAGES), rtol=1e-4, atol=1e-5)


def test_an_override_can_not_change_the_batch_norms_decay_and_epsilon() -> None:
    config = replace(
        SLIM_HYPERPARAMS,
        activation=tf.nn.relu6,
        batch_norm=BatchNormParams(decay=0.5, epsilon=0.1, scale=False, center=False, train=False),
    )
    found = overridden_hyperparams(config)
    assert found.activation is tf.nn.relu6
    assert found.batch_norm == BatchNormParams(0.997, 1e-5, center=False, scale=True, train=False)
    assert overridden_hyperparams(replace(config, batch_norm=None)).batch_norm is None


def test_preprocessing_subtracts_the_channel_means() -> None:
    np.testing.assert_allclose(
        subtract_channel_means(tf.zeros([1, 1, 1, 3]))[0, 0, 0], [-123.68, -116.779, -103.939]
    )
