"""MobileNet v3 large and small (Howard et al., 2019) and MobileNet EdgeTPU, as slim defines them for SSD."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import tensorflow as tf

from detection.backbones.base import Backbone
from detection.backbones.expanded_conv import DIVISOR, ExpandedConv, make_divisible
from detection.feature_maps import FeatureMapLayout
from detection.hyperparams import ConvHyperparams
from detection.layers import Conv

Activation = Callable[[tf.Tensor], tf.Tensor]


def hard_swish(inputs: tf.Tensor) -> tf.Tensor:
    """x * relu6(x + 3) / 6."""
    return inputs * tf.nn.relu6(inputs + 3.0) * (1.0 / 6.0)


@dataclass(frozen=True)
class Block:
    """One `expanded_conv`; `depth` is nominal, `expansion` a factor of the block's real input channels."""

    expansion: float
    depth: int
    kernel_size: int = 3
    stride: int = 1
    activation: Activation = tf.nn.relu
    squeeze_excite: bool = False
    fused: bool = False
    residual: bool = True


@dataclass(frozen=True)
class Network:
    """A stem (`Conv`, strided 3x3), blocks, and a last 1x1 convolution (`Conv_1`) where `top_depth` is set.

    `endpoints` are the two that SSD reads; slim counts layers from the stem, which is layer_1.
    """

    scope: str
    stem_depth: int
    blocks: tuple[Block, ...]
    top_depth: int | None
    activation: Activation
    endpoints: tuple[str, str]


def _se(
    expansion: float, depth: int, kernel_size: int, stride: int = 1, activation: Activation = hard_swish
) -> Block:
    return Block(expansion, depth, kernel_size, stride, activation, squeeze_excite=True)


def _fused(expansion: float, depth: int, stride: int = 1) -> Block:
    return Block(expansion, depth, stride=stride, fused=True)


# For detection slim halves the depths from the last strided block on: 160 and 960 to 80 and 480 in the large
# network, 96 and 576 to 48 and 288 in the small one.
LARGE = Network(
    scope="MobilenetV3",
    stem_depth=16,
    blocks=(
        Block(1, 16),
        Block(4, 24, stride=2),
        Block(3, 24),
        _se(3, 40, 5, 2, tf.nn.relu),
        _se(3, 40, 5, 1, tf.nn.relu),
        _se(3, 40, 5, 1, tf.nn.relu),
        Block(6, 80, stride=2, activation=hard_swish),
        Block(2.5, 80, activation=hard_swish),
        Block(184 / 80, 80, activation=hard_swish),
        Block(184 / 80, 80, activation=hard_swish),
        _se(6, 112, 3),
        _se(6, 112, 3),
        _se(6, 80, 5, 2),
        _se(6, 80, 5),
        _se(6, 80, 5),
    ),
    top_depth=480,
    activation=hard_swish,
    endpoints=("layer_14/expansion_output", "layer_17"),
)

SMALL = Network(
    scope="MobilenetV3",
    stem_depth=16,
    blocks=(
        _se(1, 16, 3, 2, tf.nn.relu),
        Block(72 / 16, 24, stride=2),
        Block(88 / 24, 24),
        _se(4, 40, 5, 2),
        _se(6, 40, 5),
        _se(6, 40, 5),
        _se(3, 48, 5),
        _se(3, 48, 5),
        _se(6, 48, 5, 2),
        _se(6, 48, 5),
        _se(6, 48, 5),
    ),
    top_depth=288,
    activation=hard_swish,
    endpoints=("layer_10/expansion_output", "layer_13"),
)

EDGETPU = Network(
    scope="MobilenetEdgeTPU",
    stem_depth=32,
    blocks=(
        _fused(1, 16),
        _fused(8, 32, 2),
        *[_fused(4, 32)] * 3,
        _fused(8, 48, 2),
        *[_fused(4, 48)] * 3,
        Block(8, 96, stride=2),
        *[Block(4, 96)] * 3,
        Block(8, 96, residual=False),
        *[Block(4, 96)] * 3,
        Block(8, 160, kernel_size=5, stride=2),
        *[Block(4, 160, kernel_size=5)] * 3,
        Block(8, 192),
    ),
    top_depth=None,
    activation=tf.nn.relu,
    endpoints=("layer_18/expansion_output", "layer_23"),
)


class MobilenetV3(Backbone):
    """One of the networks above up to its last endpoint, and SSD's grown feature maps, in its scope.

    `hyperparams`' activation counts for nothing: the network's definition sets one for each convolution.
    """

    def __init__(
        self,
        network: Network,
        *,
        layout: FeatureMapLayout,
        depth_multiplier: float,
        min_depth: int,
        hyperparams: ConvHyperparams,
        feature_map_hyperparams: ConvHyperparams,
        regularize_depthwise: bool,
    ) -> None:
        super().__init__(
            name=network.scope,
            layout=layout,
            depth_multiplier=depth_multiplier,
            min_depth=min_depth,
            feature_map_hyperparams=feature_map_hyperparams,
        )

        def depth(nominal: int) -> int:
            return make_divisible(nominal * depth_multiplier, DIVISOR, min_depth)

        outer = replace(hyperparams, activation=network.activation)
        previous = depth(network.stem_depth)
        self.stem = Conv(previous, 3, stride=2, hyperparams=outer, name="Conv")
        blocks = []
        for index, block in enumerate(network.blocks):
            blocks.append(
                ExpandedConv(
                    previous,
                    depth(block.depth),
                    expanded_depth=make_divisible(previous * block.expansion, DIVISOR, DIVISOR),
                    stride=block.stride,
                    kernel_size=block.kernel_size,
                    hyperparams=replace(hyperparams, activation=block.activation),
                    regularize_depthwise=regularize_depthwise,
                    squeeze_excite=block.squeeze_excite,
                    fused=block.fused,
                    residual=block.residual,
                    name=f"expanded_conv_{index}" if index else "expanded_conv",
                )
            )
            previous = depth(block.depth)
        self.blocks = blocks
        self.top = None
        if network.top_depth is not None:
            self.top = Conv(depth(network.top_depth), 1, hyperparams=outer, name="Conv_1")

    def endpoints(self, images: tf.Tensor, training: bool) -> dict[str, tf.Tensor]:
        features = self.stem(images, training=training)
        found = {"layer_1": features}
        number = 1
        for number, block in enumerate(self.blocks, start=2):
            features, expanded = block(features, training=training)
            found[f"layer_{number}/expansion_output"] = expanded
            found[f"layer_{number}"] = features
        if self.top is not None:
            found[f"layer_{number + 1}"] = self.top(features, training=training)
        return found
