"""Optimizers with TensorFlow 1 semantics, so that a config's hyperparameters mean what they meant."""

from __future__ import annotations

import keras
import tensorflow as tf
from google.protobuf.message import Message
from keras.optimizers.schedules import LearningRateSchedule

from components.trainer.options import TrainOptions
from detection.errors import BadInput

_MOMENTUM = 0.9
_RMSPROP_DECAY = 0.9
# The proto's defaults, for an optimizer that the config does not configure.
_RMSPROP_EPSILON = 1.0
_ADAM_EPSILON = 1e-8


class Momentum(keras.optimizers.Optimizer):
    """tf.compat.v1.train.MomentumOptimizer: accumulates gradients, then applies the current rate.

    Keras's SGD accumulates rate * gradient instead, which is another trajectory when the rate changes.
    """

    def __init__(self, learning_rate: LearningRateSchedule, momentum: float = _MOMENTUM) -> None:
        super().__init__(learning_rate=learning_rate, name="momentum")
        self.momentum = momentum

    def build(self, variables: list[keras.Variable]) -> None:
        """Creates one zero accumulator for each variable."""
        super().build(variables)
        self.accumulators = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor) -> None:
        """accumulator = momentum * accumulator + gradient; variable -= rate * accumulator."""
        accumulator = self.accumulators[self._get_variable_index(variable)]
        rate = tf.cast(learning_rate, variable.dtype)
        self.assign(accumulator, self.momentum * accumulator + gradient)
        self.assign_sub(variable, rate * accumulator)


class RMSProp(keras.optimizers.Optimizer):
    """tf.compat.v1.train.RMSPropOptimizer: epsilon inside the root, mean squares start at one."""

    def __init__(
        self,
        learning_rate: LearningRateSchedule,
        decay: float = _RMSPROP_DECAY,
        momentum: float = _MOMENTUM,
        epsilon: float = _RMSPROP_EPSILON,
    ) -> None:
        super().__init__(learning_rate=learning_rate, name="rmsprop")
        self.decay = decay
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, variables: list[keras.Variable]) -> None:
        """Creates a mean square (ones, as TF1 does) and a momentum (zeros) for each variable."""
        super().build(variables)
        self.mean_squares = self.add_optimizer_variables(variables, "rms", initializer="ones")
        self.momenta = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor) -> None:
        """momentum = m * momentum + rate * gradient / sqrt(mean_square + epsilon); variable -= momentum."""
        index = self._get_variable_index(variable)
        mean_square, momentum = self.mean_squares[index], self.momenta[index]
        rate = tf.cast(learning_rate, variable.dtype)
        self.assign(mean_square, mean_square + (tf.square(gradient) - mean_square) * (1.0 - self.decay))
        self.assign(
            momentum,
            self.momentum * momentum + rate * gradient * tf.math.rsqrt(mean_square + self.epsilon),
        )
        self.assign_sub(variable, momentum)


def build_optimizer(
    optimizer_config: Message, options: TrainOptions, schedule: LearningRateSchedule
) -> keras.optimizers.Optimizer:
    """The optimizer of pipeline.config, or the one that `options.optimizer` names.

    An overriding optimizer of the config's own kind keeps the config's hyperparameters.

    Raises:
      BadInput: neither of them names an optimizer.
    """
    kind = optimizer_config.WhichOneof("optimizer")
    wanted = options.optimizer if options.optimizer != "config" else (kind or "").removesuffix("_optimizer")
    match wanted.replace("_", ""):
        case "momentum":
            momentum = optimizer_config.momentum_optimizer
            return Momentum(schedule, momentum.momentum_optimizer_value)
        case "rmsprop":
            rms_prop = optimizer_config.rms_prop_optimizer
            return RMSProp(schedule, rms_prop.decay, rms_prop.momentum_optimizer_value, rms_prop.epsilon)
        case "adam":
            # Keras's Adam is TF1's: bias correction in the rate, epsilon outside the root.
            return keras.optimizers.Adam(schedule, epsilon=optimizer_config.adam_optimizer.epsilon)
        case _:
            raise BadInput(
                "there is no optimizer",
                "train_config.optimizer",
                "add a momentum_optimizer, rms_prop_optimizer or adam_optimizer, or set train.optimizer",
            )
