"""Inception-ResNet v2 (Szegedy et al., 2016), with slim's scopes and semantics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras
import tensorflow as tf

from detection.backbones.inception_v2 import InceptionModule
from detection.backbones.scopes import Sequence
from detection.hyperparams import BatchNormParams, ConvHyperparams
from detection.layers import Conv

# one convolution of a branch: slim's name, which ends with the kernel's height and width, and its depth
_Branch = tuple[tuple[str, int], ...]


class InceptionConv(Conv):
    """A convolution with the kernel of its name, `Conv2d_0b_1x7`; its bias, if any, is never regularised.

    Args:
      filters, hyperparams, stride, dilation: as Conv's.
      name: slim's.
      valid: no padding at all, instead of SAME.
    """

    def __init__(
        self,
        name: str,
        filters: int,
        *,
        hyperparams: ConvHyperparams,
        stride: int = 1,
        dilation: int = 1,
        valid: bool = False,
    ) -> None:
        self._height, self._width = (int(side) for side in name.rpartition("_")[2].split("x"))
        super().__init__(
            filters, self._height, hyperparams=hyperparams, name=name, stride=stride, dilation=dilation
        )
        self._valid = valid

    def _kernel(self, name: str, size: int, inputs: int, outputs: int) -> Any:
        return self.add_weight(
            name=name,
            shape=(self._height, self._width, inputs, outputs),
            initializer=self._hyperparams.make_initializer(),
            autocast=False,
        )

    def _convolve(self, inputs: tf.Tensor, padding: str, scale: tf.Tensor | None) -> tf.Tensor:
        return super()._convolve(inputs, "VALID" if self._valid else padding, scale)


class InceptionPool(keras.layers.Layer):
    """A 3x3 pool; an average leaves the padding out of its count."""

    def __init__(self, name: str, *, stride: int = 1, maximum: bool, valid: bool = False) -> None:
        super().__init__(name=name)
        self._stride = stride
        self._padding = "VALID" if valid else "SAME"
        self._pool = tf.nn.max_pool2d if maximum else tf.nn.avg_pool2d

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self._pool(inputs, 3, self._stride, self._padding)


@dataclass(frozen=True)
class _Residual:
    """A kind of residual unit: its branches, and the depth that it adds to."""

    branches: tuple[_Branch, ...]
    depth: int


_UNITS = {
    "block35": _Residual(
        (
            (("Conv2d_1x1", 32),),
            (("Conv2d_0a_1x1", 32), ("Conv2d_0b_3x3", 32)),
            (("Conv2d_0a_1x1", 32), ("Conv2d_0b_3x3", 48), ("Conv2d_0c_3x3", 64)),
        ),
        320,
    ),
    "block17": _Residual(
        (
            (("Conv2d_1x1", 192),),
            (("Conv2d_0a_1x1", 128), ("Conv2d_0b_1x7", 160), ("Conv2d_0c_7x1", 192)),
        ),
        1088,
    ),
    "block8": _Residual(
        (
            (("Conv2d_1x1", 192),),
            (("Conv2d_0a_1x1", 192), ("Conv2d_0b_1x3", 224), ("Conv2d_0c_3x1", 256)),
        ),
        2080,
    ),
}
# how many units of a kind stand one after another
REPEATS = {"block35": 10, "block17": 20, "block8": 9}
_MIXED_5B: tuple[_Branch, ...] = (
    (("Conv2d_1x1", 96),),
    (("Conv2d_0a_1x1", 48), ("Conv2d_0b_5x5", 64)),
    (("Conv2d_0a_1x1", 64), ("Conv2d_0b_3x3", 96), ("Conv2d_0c_3x3", 96)),
    (("Conv2d_0b_1x1", 64),),  # after an average pool
)
# the modules that halve the map, in the convolutions of this name; their last branch is a bare max pool
_STRIDED = "Conv2d_1a_3x3"
_MIXED_6A: tuple[_Branch, ...] = (
    ((_STRIDED, 384),),
    (("Conv2d_0a_1x1", 256), ("Conv2d_0b_3x3", 256), (_STRIDED, 384)),
)
_MIXED_7A: tuple[_Branch, ...] = (
    (("Conv2d_0a_1x1", 256), (_STRIDED, 384)),
    (("Conv2d_0a_1x1", 256), (_STRIDED, 288)),
    (("Conv2d_0a_1x1", 256), ("Conv2d_0b_3x3", 288), (_STRIDED, 320)),
)


class InceptionResidual(keras.layers.Layer):
    """Branches side by side, a 1x1 convolution with a bias, scaled, and added to the input."""

    def __init__(
        self,
        name: str,
        unit: _Residual,
        *,
        scale: float,
        hyperparams: ConvHyperparams,
        dilation: int = 1,
        activate: bool = True,
    ) -> None:
        super().__init__(name=name)
        self._scale = scale
        self._activation = hyperparams.activation if activate else None
        self.branches = [
            Sequence(
                f"Branch_{index}",
                [
                    InceptionConv(conv, depth, hyperparams=hyperparams, dilation=dilation)
                    for conv, depth in branch
                ],
            )
            for index, branch in enumerate(unit.branches)
        ]
        linear = replace(hyperparams, batch_norm=None, activation=None)
        self.up = InceptionConv("Conv2d_1x1", unit.depth, hyperparams=linear)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        mixed = tf.concat([branch(inputs, training=training) for branch in self.branches], axis=-1)
        outputs = inputs + self._scale * self.up(mixed)
        return outputs if self._activation is None else self._activation(outputs)


def slim_hyperparams(train_batch_norm: bool) -> ConvHyperparams:
    """Those of slim's inception_resnet_v2_arg_scope, without its weight decay: batch norm has no gamma."""
    return ConvHyperparams(
        batch_norm=BatchNormParams(decay=0.9997, epsilon=0.001, scale=False, train=train_batch_norm),
        activation=tf.nn.relu,
        initializer=keras.initializers.GlorotUniform(),
    )


def image_layers(output_stride: int, hyperparams: ConvHyperparams) -> list[keras.layers.Layer]:
    """From the image to slim's endpoint PreAuxLogits, all padded SAME (align_feature_maps).

    Layers are named as slim's scopes: `Conv2d_1a_3x3` .. `MaxPool_5a_3x3`, `Mixed_5b`, `Repeat`, `Mixed_6a`,
    `Repeat_1`. With an `output_stride` of 8, not 16, Mixed_6a does not stride and Repeat_1 dilates by 2.
    """
    dense = output_stride == 8

    def conv(name: str, depth: int, stride: int = 1) -> InceptionConv:
        return InceptionConv(name, depth, hyperparams=hyperparams, stride=stride)

    return [
        conv("Conv2d_1a_3x3", 32, stride=2),
        conv("Conv2d_2a_3x3", 32),
        conv("Conv2d_2b_3x3", 64),
        InceptionPool("MaxPool_3a_3x3", stride=2, maximum=True),
        conv("Conv2d_3b_1x1", 80),
        conv("Conv2d_4a_3x3", 192),
        InceptionPool("MaxPool_5a_3x3", stride=2, maximum=True),
        _mixed_5b(hyperparams),
        _repeat("Repeat", "block35", scale=0.17, hyperparams=hyperparams),
        _reduction("Mixed_6a", _MIXED_6A, stride=1 if dense else 2, hyperparams=hyperparams),
        _repeat("Repeat_1", "block17", scale=0.10, hyperparams=hyperparams, dilation=2 if dense else 1),
    ]


def proposal_layers(hyperparams: ConvHyperparams) -> list[keras.layers.Layer]:
    """From the features of a proposal to those of its class: `Mixed_7a` to `Conv2d_7b_1x1`.

    Named as the Object Detection API's feature extractor does: the repeated block8 are in `Repeat`, where
    slim's classifier has them in `Repeat_2`. Mixed_7a strides by 2 without padding.
    """
    return [
        _reduction("Mixed_7a", _MIXED_7A, stride=2, hyperparams=hyperparams, valid=True),
        _repeat("Repeat", "block8", scale=0.20, hyperparams=hyperparams),
        InceptionResidual("Block8", _UNITS["block8"], scale=1.0, hyperparams=hyperparams, activate=False),
        InceptionConv("Conv2d_7b_1x1", 1536, hyperparams=hyperparams),
    ]


def _repeat(
    name: str, kind: str, *, scale: float, hyperparams: ConvHyperparams, dilation: int = 1
) -> Sequence:
    return Sequence(
        name,
        [
            InceptionResidual(
                f"{kind}_{number}", _UNITS[kind], scale=scale, hyperparams=hyperparams, dilation=dilation
            )
            for number in range(1, REPEATS[kind] + 1)
        ],
    )


def _mixed_5b(hyperparams: ConvHyperparams) -> InceptionModule:
    branches: list[list[keras.layers.Layer]] = [
        [InceptionConv(name, depth, hyperparams=hyperparams) for name, depth in branch]
        for branch in _MIXED_5B
    ]
    branches[-1].insert(0, InceptionPool("AvgPool_0a_3x3", maximum=False))
    return InceptionModule("Mixed_5b", branches)


def _reduction(
    name: str,
    branches: tuple[_Branch, ...],
    *,
    stride: int,
    hyperparams: ConvHyperparams,
    valid: bool = False,
) -> InceptionModule:
    def conv(conv_name: str, depth: int) -> InceptionConv:
        if conv_name != _STRIDED:
            return InceptionConv(conv_name, depth, hyperparams=hyperparams)
        return InceptionConv(conv_name, depth, hyperparams=hyperparams, stride=stride, valid=valid)

    layers: list[list[keras.layers.Layer]] = [[conv(*each) for each in branch] for branch in branches]
    layers.append([InceptionPool("MaxPool_1a_3x3", stride=stride, maximum=True, valid=valid)])
    return InceptionModule(name, layers)
