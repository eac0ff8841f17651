"""Convolution hyperparameters: the OD API's `Hyperparams` message, or what slim's networks set themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

from detection.errors import BadInput, NoNativeModel

_ACTIVATIONS: dict[str, Callable[[tf.Tensor], tf.Tensor] | None] = {
    "NONE": None,
    "RELU": tf.nn.relu,
    "RELU_6": tf.nn.relu6,
    "SWISH": tf.nn.swish,
}


@dataclass(frozen=True)
class BatchNormParams:
    """Batch norm settings; `decay` is the moving averages' momentum, `train` False freezes the statistics.

    `from_config`: pipeline.config's conv_hyperparams say whether it trains, so that `freeze_batchnorm`, an
    outer arg scope in TF1, does not reach it.
    """

    decay: float = 0.999
    epsilon: float = 0.001
    center: bool = True
    scale: bool = True
    train: bool = True
    from_config: bool = False


@dataclass(frozen=True)
class ConvHyperparams:
    """What one group of convolutions shares.

    Without `batch_norm` a convolution has a bias, as in slim. `l2` and `l1` are slim's regulariser weights:
    `l2 * sum(w^2) / 2`, `l1 * sum(|w|)`.
    """

    batch_norm: BatchNormParams | None = field(default_factory=BatchNormParams)
    activation: Callable[[tf.Tensor], tf.Tensor] | None = tf.nn.relu6
    initializer: keras.initializers.Initializer = field(
        default_factory=lambda: keras.initializers.TruncatedNormal(stddev=0.09)
    )
    l2: float = 0.0
    l1: float = 0.0

    def make_initializer(self) -> keras.initializers.Initializer:
        """A fresh initializer: Keras gives a shared one the same values twice."""
        return self.initializer.clone()

    def penalty(self, kernel: tf.Tensor) -> tf.Tensor:
        """Regularisation loss of a kernel, a float32 scalar (slim regularises no bias)."""
        losses = []
        if self.l2:
            losses.append(self.l2 * tf.nn.l2_loss(kernel))
        if self.l1:
            losses.append(self.l1 * tf.reduce_sum(tf.abs(kernel)))
        return tf.add_n(losses) if losses else tf.zeros([])


def enum_name(message: Any, field_name: str) -> str:
    """Name of an enum field's value in `message`, whatever generated the message class."""
    enum = message.DESCRIPTOR.fields_by_name[field_name].enum_type
    return enum.values_by_number[getattr(message, field_name)].name


def conv_hyperparams(message: Any, where: str) -> ConvHyperparams:
    """ConvHyperparams of a `Hyperparams` proto found at `where` (a path of fields, for the error).

    Raises BadInput for what TF1's Object Detection API did not have in slim: sync_batch_norm, group_norm,
    force_use_bias, an initializer by Keras name.
    """
    normalizer = message.WhichOneof("normalizer_oneof")
    if normalizer not in (None, "batch_norm") or message.force_use_bias:
        raise NoNativeModel(
            f"{normalizer or 'force_use_bias'} is not supported", where, "use batch_norm, as TF1 models do"
        )
    batch_norm = None
    if normalizer == "batch_norm":
        proto = message.batch_norm
        batch_norm = BatchNormParams(
            proto.decay, proto.epsilon, proto.center, proto.scale, proto.train, from_config=True
        )
    regularizer = message.regularizer
    kind = regularizer.WhichOneof("regularizer_oneof")
    return ConvHyperparams(
        batch_norm=batch_norm,
        activation=_ACTIVATIONS[enum_name(message, "activation")],
        initializer=_initializer(message.initializer, where),
        l2=regularizer.l2_regularizer.weight if kind == "l2_regularizer" else 0.0,
        l1=regularizer.l1_regularizer.weight if kind == "l1_regularizer" else 0.0,
    )


def _initializer(message: Any, where: str) -> keras.initializers.Initializer:
    kind = message.WhichOneof("initializer_oneof")
    if kind == "truncated_normal_initializer":
        proto = message.truncated_normal_initializer
        return keras.initializers.TruncatedNormal(proto.mean, proto.stddev)
    if kind == "random_normal_initializer":
        proto = message.random_normal_initializer
        return keras.initializers.RandomNormal(proto.mean, proto.stddev)
    if kind == "variance_scaling_initializer":
        proto = message.variance_scaling_initializer
        distribution = "uniform" if proto.uniform else "truncated_normal"
        return keras.initializers.VarianceScaling(
            proto.factor, enum_name(proto, "mode").lower(), distribution
        )
    raise BadInput(
        "conv_hyperparams has no initializer that TF1 knows",
        f"{where}.initializer",
        "add initializer { truncated_normal_initializer { stddev: 0.03 } }",
    )
