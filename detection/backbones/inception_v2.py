"""Inception v2 (Ioffe and Szegedy, 2015), with slim's scopes and semantics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import keras
import tensorflow as tf

from detection.backbones.base import Backbone
from detection.backbones.scopes import Pool, Sequence
from detection.feature_maps import FeatureMapLayout
from detection.hyperparams import ConvHyperparams
from detection.layers import Conv
from detection.separable_conv import SeparableConv

ENDPOINTS = ("Mixed_4c", "Mixed_5c")

# what the first convolution makes of each colour, at most
_MAX_COLOUR_MULTIPLIER = 8


@dataclass(frozen=True)
class _Mixed:
    """Nominal depths of an inception module's four branches."""

    single: int
    middle: tuple[int, int]
    double: tuple[int, int, int]
    pooled: int
    max_pool: bool = False


@dataclass(frozen=True)
class _Reduction:
    """Nominal depths of a module that halves the map; its third branch is a bare max pool."""

    single: tuple[int, int]
    double: tuple[int, int, int]


_MODULES: dict[str, _Mixed | _Reduction] = {
    "Mixed_3b": _Mixed(64, (64, 64), (64, 96, 96), 32),
    "Mixed_3c": _Mixed(64, (64, 96), (64, 96, 96), 64),
    "Mixed_4a": _Reduction((128, 160), (64, 96, 96)),
    "Mixed_4b": _Mixed(224, (64, 96), (96, 128, 128), 128),
    "Mixed_4c": _Mixed(192, (96, 128), (96, 128, 128), 128),
    "Mixed_4d": _Mixed(160, (128, 160), (128, 160, 160), 96),
    "Mixed_4e": _Mixed(96, (128, 192), (160, 192, 192), 96),
    "Mixed_5a": _Reduction((128, 192), (192, 256, 256)),
    "Mixed_5b": _Mixed(352, (192, 320), (160, 224, 224), 128),
    "Mixed_5c": _Mixed(352, (192, 320), (192, 224, 224), 128, max_pool=True),
}


class InceptionModule(keras.layers.Layer):
    """Branches side by side, concatenated on channels."""

    def __init__(self, name: str, branches: list[list[keras.layers.Layer]]) -> None:
        super().__init__(name=name)
        self.branches = [Sequence(f"Branch_{index}", layers) for index, layers in enumerate(branches)]

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return tf.concat([branch(inputs, training=training) for branch in self.branches], axis=-1)


def inception_v2_layers(
    first: str, last: str, *, depth_multiplier: float, min_depth: int, hyperparams: ConvHyperparams
) -> list[keras.layers.Layer]:
    """slim's inception_v2_base from endpoint `first` to endpoint `last`, both included.

    Each layer's name is its endpoint's: `Conv2d_1a_7x7` (the image's), `MaxPool_2a_3x3`, `Conv2d_2b_1x1`,
    `Conv2d_2c_3x3`, `MaxPool_3a_3x3`, `Mixed_3b` .. `Mixed_5c`. Depths are
    `max(int(depth * depth_multiplier), min_depth)`. The definition fixes some of the initial deviations;
    the rest comes from `hyperparams`.
    """

    def depth(nominal: int) -> int:
        return max(int(nominal * depth_multiplier), min_depth)

    def conv(name: str, nominal: int, stride: int = 1, deviation: float = 0.0) -> Conv:
        size = int(name[-1])
        settings = _initialised(hyperparams, deviation) if deviation else hyperparams
        return Conv(depth(nominal), size, stride=stride, hyperparams=settings, name=name)

    stem: list[keras.layers.Layer] = [
        SeparableConv(
            depth(64),
            7,
            stride=2,
            depth_multiplier=min(depth(64) // 3, _MAX_COLOUR_MULTIPLIER),
            hyperparams=_initialised(hyperparams, 1.0),
            name="Conv2d_1a_7x7",
        ),
        Pool("MaxPool_2a_3x3", stride=2, maximum=True),
        conv("Conv2d_2b_1x1", 64, deviation=0.1),
        conv("Conv2d_2c_3x3", 192),
        Pool("MaxPool_3a_3x3", stride=2, maximum=True),
    ]
    modules = [
        InceptionModule(
            name, _mixed(module, conv) if isinstance(module, _Mixed) else _reduction(module, conv)
        )
        for name, module in _MODULES.items()
    ]
    layers = [*stem, *modules]
    names = [layer.name for layer in layers]
    return layers[names.index(first) : names.index(last) + 1]


def _initialised(hyperparams: ConvHyperparams, deviation: float) -> ConvHyperparams:
    return replace(hyperparams, initializer=keras.initializers.TruncatedNormal(stddev=deviation))


def _mixed(module: _Mixed, conv: Callable[..., Conv]) -> list[list[keras.layers.Layer]]:
    kind = "MaxPool" if module.max_pool else "AvgPool"
    return [
        [conv("Conv2d_0a_1x1", module.single)],
        [
            conv("Conv2d_0a_1x1", module.middle[0], deviation=0.09),
            conv("Conv2d_0b_3x3", module.middle[1]),
        ],
        [
            conv("Conv2d_0a_1x1", module.double[0], deviation=0.09),
            conv("Conv2d_0b_3x3", module.double[1]),
            conv("Conv2d_0c_3x3", module.double[2]),
        ],
        [
            Pool(f"{kind}_0a_3x3", stride=1, maximum=module.max_pool),
            conv("Conv2d_0b_1x1", module.pooled, deviation=0.1),
        ],
    ]


def _reduction(module: _Reduction, conv: Callable[..., Conv]) -> list[list[keras.layers.Layer]]:
    return [
        [
            conv("Conv2d_0a_1x1", module.single[0], deviation=0.09),
            conv("Conv2d_1a_3x3", module.single[1], stride=2),
        ],
        [
            conv("Conv2d_0a_1x1", module.double[0], deviation=0.09),
            conv("Conv2d_0b_3x3", module.double[1]),
            conv("Conv2d_1a_3x3", module.double[2], stride=2),
        ],
        [Pool("MaxPool_1a_3x3", stride=2, maximum=True)],
    ]


class InceptionV2(Backbone):
    """Inception v2 up to Mixed_5c, and SSD's grown feature maps, in scope `InceptionV2`."""

    def __init__(
        self,
        *,
        layout: FeatureMapLayout,
        depth_multiplier: float,
        min_depth: int,
        hyperparams: ConvHyperparams,
    ) -> None:
        super().__init__(
            name="InceptionV2",
            layout=layout,
            depth_multiplier=depth_multiplier,
            min_depth=min_depth,
            feature_map_hyperparams=hyperparams,
        )
        self.trunk = inception_v2_layers(
            "Conv2d_1a_7x7",
            ENDPOINTS[-1],
            depth_multiplier=depth_multiplier,
            min_depth=min_depth,
            hyperparams=hyperparams,
        )
