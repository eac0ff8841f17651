"""ResNet v1 of 50, 101 and 152 layers (He et al., 2015), with slim's scopes and semantics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import keras
import tensorflow as tf

from detection.backbones.base import Backbone
from detection.backbones.resnet_units import WIDENING, Subsample, resnet_v1_block
from detection.backbones.scopes import Pool
from detection.feature_maps import FeatureMapLayout
from detection.hyperparams import BatchNormParams, ConvHyperparams
from detection.layers import Conv

# how many units the blocks of each network have
UNITS: dict[str, tuple[int, int, int, int]] = {
    "resnet_v1_50": (3, 4, 6, 3),
    "resnet_v1_101": (3, 4, 23, 3),
    "resnet_v1_152": (3, 8, 36, 3),
}
BLOCKS = ("block1", "block2", "block3", "block4")

CHANNEL_MEANS = (123.68, 116.779, 103.939)

_ROOT_DEPTH = 64  # of conv1, whatever the depth multiplier
_ROOT_STRIDE = 4

# slim's own settings, in force unless the config overrides the base network's hyperparameters
SLIM_HYPERPARAMS = ConvHyperparams(
    batch_norm=BatchNormParams(decay=0.997, epsilon=1e-5, scale=True),
    activation=tf.nn.relu,
    initializer=keras.initializers.VarianceScaling(2.0, "fan_in", "truncated_normal"),
    l2=1e-4,
)


def overridden_hyperparams(config: ConvHyperparams) -> ConvHyperparams:
    """The base network's hyperparameters when the config overrides them.

    resnet_arg_scope gives the convolutions their batch norm's decay, epsilon and scale as arguments, which
    win over the config's arg scope.
    """
    if config.batch_norm is None:
        return config
    return replace(config, batch_norm=replace(config.batch_norm, decay=0.997, epsilon=1e-5, scale=True))


def subtract_channel_means(images: tf.Tensor) -> tf.Tensor:
    """Images `[..., 3]` float32 of 0..255, RGB, less each channel's mean over ImageNet (VGG's)."""
    return images - tf.constant(CHANNEL_MEANS)


@dataclass(frozen=True)
class _BlockPlan:
    name: str
    num_units: int
    nominal_depth: int
    stride: int
    rate: int


def _plan(units: tuple[int, ...], output_stride: int | None) -> Iterator[_BlockPlan]:
    """The blocks' strides, and their atrous rates once the output stride is reached."""
    reached, rate = _ROOT_STRIDE, 1
    for index, (name, num_units) in enumerate(zip(BLOCKS, units, strict=True)):
        nominal_stride = 1 if name == BLOCKS[-1] else 2
        dense = reached == output_stride
        yield _BlockPlan(name, num_units, 64 * 2**index, 1 if dense else nominal_stride, rate)
        if dense:
            rate *= nominal_stride
        else:
            reached *= nominal_stride


def resnet_v1_layers(
    architecture: str,
    *,
    last: str,
    hyperparams: ConvHyperparams,
    depth_multiplier: float = 1.0,
    min_depth: int = 8,
    output_stride: int | None = None,
    whole_endpoints: bool = False,
) -> list[keras.layers.Layer]:
    """The network from the image to the block `last`.

    Layers are named as slim's scopes: `conv1`, `pool1`, `block1` .. `block4`.

    Args:
      architecture: a key of UNITS.
      last: the last block's name.
      hyperparams: of every convolution.
      depth_multiplier, min_depth: bottlenecks are `max(int(depth * depth_multiplier), min_depth)` deep.
      output_stride: 8, 16 or None. From there on units dilate instead of striding.
      whole_endpoints: stride after a block, not in its last unit, so that a block's output is not yet
        halved (slim's store_non_strided_activations). What follows is the same.
    """
    layers: list[keras.layers.Layer] = [
        Conv(_ROOT_DEPTH, 7, stride=2, explicit_padding=True, hyperparams=hyperparams, name="conv1"),
        Pool("pool1", stride=2, maximum=True),
    ]
    input_depth = _ROOT_DEPTH
    for plan in _plan(UNITS[architecture], output_stride):
        bottleneck_depth = max(int(plan.nominal_depth * depth_multiplier), min_depth)
        block = resnet_v1_block(
            plan.name,
            plan.num_units,
            input_depth=input_depth,
            bottleneck_depth=bottleneck_depth,
            stride=1 if whole_endpoints else plan.stride,
            rate=plan.rate,
            hyperparams=hyperparams,
        )
        layers.append(block)
        if plan.name == last:
            break
        if whole_endpoints and plan.stride > 1:
            layers.append(Subsample(plan.stride))
        input_depth = WIDENING * bottleneck_depth
    return layers


class ResnetV1(Backbone):
    """ResNet v1 in the scope of its name, for a feature pyramid: blocks of stride 4, 8, 16 and 32."""

    def __init__(
        self,
        architecture: str,
        *,
        layout: FeatureMapLayout,
        depth_multiplier: float,
        min_depth: int,
        hyperparams: ConvHyperparams,
        neck: keras.layers.Layer | None = None,
    ) -> None:
        super().__init__(
            name=architecture,
            layout=layout,
            depth_multiplier=depth_multiplier,
            min_depth=min_depth,
            feature_map_hyperparams=hyperparams,
            neck=neck,
        )
        # slim builds block4 even where the pyramid ends below it; no gradient reaches it there
        self.trunk = resnet_v1_layers(
            architecture,
            last=layout.from_layers[-1],
            hyperparams=hyperparams,
            depth_multiplier=depth_multiplier,
            min_depth=min_depth,
            whole_endpoints=True,
        )

    def preprocess(self, images: tf.Tensor) -> tf.Tensor:
        """The channels' means subtracted, no scaling."""
        return subtract_channel_means(images)
