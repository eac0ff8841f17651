"""Optimizers with TensorFlow 1 semantics, so that a config's hyperparameters mean what they meant."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence

import keras
import tensorflow as tf
from google.protobuf.message import Message
from keras.optimizers.schedules import LearningRateSchedule

from components.trainer.options import TrainOptions
from components.trainer.rates import FULL_RATE, VariableRate
from detection.errors import BadInput

_MOMENTUM = 0.9
_RMSPROP_DECAY = 0.9
# The proto's defaults, for an optimizer that the config does not configure.
_RMSPROP_EPSILON = 1.0
_ADAM_EPSILON = 1e-8
# TF1's defaults, which the proto has no fields for.
_ADAM_BETA_1 = 0.9
_ADAM_BETA_2 = 0.999

Rates = Mapping[str, VariableRate]


class _Once:
    """Tensors by name that the updates of all variables share: of their own they were half of the graph."""

    def __init__(self) -> None:
        self._made: dict[str, tf.Tensor] = {}

    def __call__(self, name: str, value: float | Callable[[], tf.Tensor]) -> tf.Tensor:
        """The tensor of `value`, which is one, or makes it."""
        if name not in self._made:
            self._made[name] = value() if callable(value) else tf.constant(value)
        return self._made[name]


class Optimizer(keras.optimizers.Optimizer):
    """An optimizer in which each variable has its own part of the schedule's rate.

    The part multiplies the rate and not the gradient, which Adam and RMSProp would normalise away. The
    updates are the operations of TF1's own optimizers: one a variable, where the same arithmetic in single
    operations makes the graph of the update three times as large.

    Args:
      learning_rate: the schedule.
      rates: by variable path; a variable that is not there trains at the full rate.
      name: of its variables in checkpoints.
    """

    def __init__(self, learning_rate: LearningRateSchedule, rates: Rates | None, name: str) -> None:
        super().__init__(learning_rate=learning_rate, name=name)
        self._rates = tuple((rates or {}).items())

    def build(self, variables: list[keras.Variable]) -> None:
        """Creates what the update needs for each variable."""
        super().build(variables)
        rates = dict(self._rates)
        self._rate_of = tuple(rates.get(variable.path, FULL_RATE) for variable in variables)
        self.once = _Once()

    def apply(
        self, grads: Sequence[tf.Tensor | None], trainable_variables: Sequence[keras.Variable] | None = None
    ) -> None:
        """One update of all variables by their gradients."""
        self.once = _Once()
        super().apply(grads, trainable_variables)

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor) -> None:
        """One update of `variable` at its part of `learning_rate`."""
        index = self._get_variable_index(variable)
        own = self._rate_of[index]
        rate = tf.cast(learning_rate, variable.dtype)
        rate = rate if own.factor == 1.0 else rate * own.factor
        before = tf.identity(variable) if own.entries else None
        self.update(index, tf.cast(gradient, variable.dtype), variable, rate)
        if before is not None:
            # TF1's operations take one rate a variable; what an entry moves is proportional to it
            parts, after = tf.constant(own.entries, variable.dtype), tf.convert_to_tensor(variable)
            self.assign(variable, tf.where(parts == 1.0, after, before + parts * (after - before)))

    @abstractmethod
    def update(self, index: int, gradient: tf.Tensor, variable: tf.Variable, rate: tf.Tensor) -> None:
        """One update of `variable`, which is the `index`-th that the optimizer was built for, at `rate`."""

    @abstractmethod
    def hyper_parameters(self) -> dict[str, float]:
        """Its numbers but for the rate, by name."""


class Momentum(Optimizer):
    """tf.compat.v1.train.MomentumOptimizer: accumulates gradients, then applies the current rate.

    Keras's SGD accumulates rate * gradient instead, which is another trajectory when the rate changes.
    """

    def __init__(
        self, learning_rate: LearningRateSchedule, momentum: float = _MOMENTUM, rates: Rates | None = None
    ) -> None:
        super().__init__(learning_rate, rates, "momentum")
        self.momentum = momentum

    def build(self, variables: list[keras.Variable]) -> None:
        """Creates one zero accumulator for each variable."""
        super().build(variables)
        self.accumulators = self.add_optimizer_variables(variables, "momentum")

    def update(self, index: int, gradient: tf.Tensor, variable: tf.Variable, rate: tf.Tensor) -> None:
        """accumulator = momentum * accumulator + gradient; variable -= rate * accumulator."""
        tf.raw_ops.ResourceApplyMomentum(
            var=variable.handle,
            accum=self.accumulators[index].value.handle,
            lr=rate,
            grad=gradient,
            momentum=self.once("momentum", self.momentum),
        )

    def hyper_parameters(self) -> dict[str, float]:
        return {"momentum": self.momentum}


class RMSProp(Optimizer):
    """tf.compat.v1.train.RMSPropOptimizer: epsilon inside the root, mean squares start at one."""

    def __init__(
        self,
        learning_rate: LearningRateSchedule,
        decay: float = _RMSPROP_DECAY,
        momentum: float = _MOMENTUM,
        epsilon: float = _RMSPROP_EPSILON,
        rates: Rates | None = None,
    ) -> None:
        super().__init__(learning_rate, rates, "rmsprop")
        self.decay = decay
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, variables: list[keras.Variable]) -> None:
        """Creates a mean square (ones, as TF1 does) and a momentum (zeros) for each variable."""
        super().build(variables)
        self.mean_squares = self.add_optimizer_variables(variables, "rms", initializer="ones")
        self.momenta = self.add_optimizer_variables(variables, "momentum")

    def update(self, index: int, gradient: tf.Tensor, variable: tf.Variable, rate: tf.Tensor) -> None:
        """momentum = m * momentum + rate * gradient / sqrt(mean_square + epsilon); variable -= momentum."""
        tf.raw_ops.ResourceApplyRMSProp(
            var=variable.handle,
            ms=self.mean_squares[index].value.handle,
            mom=self.momenta[index].value.handle,
            lr=rate,
            rho=self.once("decay", self.decay),
            momentum=self.once("momentum", self.momentum),
            epsilon=self.once("epsilon", self.epsilon),
            grad=gradient,
        )

    def hyper_parameters(self) -> dict[str, float]:
        return {"decay": self.decay, "momentum": self.momentum, "epsilon": self.epsilon}


class Adam(Optimizer):
    """tf.compat.v1.train.AdamOptimizer: bias correction in the rate, epsilon outside the root.

    The correction counts a variable's own updates. One that starts to train at a later step has moments that
    start at zero then; corrected as if they were old, its first updates would be up to six times too large.
    """

    def __init__(
        self,
        learning_rate: LearningRateSchedule,
        epsilon: float = _ADAM_EPSILON,
        rates: Rates | None = None,
        name: str = "adam",
    ) -> None:
        super().__init__(learning_rate, rates, name)
        self.epsilon = epsilon

    def build(self, variables: list[keras.Variable]) -> None:
        """Creates a mean and a mean square of the gradient for each variable, zeros."""
        super().build(variables)
        self.means = self.add_optimizer_variables(variables, "mean")
        self.mean_squares = self.add_optimizer_variables(variables, "mean_square")

    def update(self, index: int, gradient: tf.Tensor, variable: tf.Variable, rate: tf.Tensor) -> None:
        """variable -= rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * mean / (sqrt(mean_square) + epsilon)."""
        first_step = self._rate_of[index].first_step

        def power(beta: float) -> tf.Tensor:
            return tf.pow(beta, tf.cast(self.iterations + 1 - first_step, variable.dtype))

        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self.means[index].value.handle,
            v=self.mean_squares[index].value.handle,
            beta1_power=self.once(f"beta_1_power_{first_step}", lambda: power(_ADAM_BETA_1)),
            beta2_power=self.once(f"beta_2_power_{first_step}", lambda: power(_ADAM_BETA_2)),
            lr=rate,
            beta1=self.once("beta_1", _ADAM_BETA_1),
            beta2=self.once("beta_2", _ADAM_BETA_2),
            epsilon=self.once("epsilon", self.epsilon),
            grad=gradient,
        )

    def hyper_parameters(self) -> dict[str, float]:
        return {"beta_1": _ADAM_BETA_1, "beta_2": _ADAM_BETA_2, "epsilon": self.epsilon}


class AdamW(Adam):
    """Adam that also takes `rate * weight_decay` of each kernel away before its step.

    Only of kernels. Biases and batch norm's scale and offset are no weights that a smaller value makes a
    simpler function: a scale drawn to zero silences its channel, and a class head's bias, which says how rare
    objects are, would be drawn to "as often as not".
    """

    def __init__(
        self,
        learning_rate: LearningRateSchedule,
        weight_decay: float,
        epsilon: float = _ADAM_EPSILON,
        rates: Rates | None = None,
    ) -> None:
        super().__init__(learning_rate, epsilon, rates, "adamw")
        self.kernel_decay = weight_decay

    def update(self, index: int, gradient: tf.Tensor, variable: tf.Variable, rate: tf.Tensor) -> None:
        """variable -= rate * weight_decay * variable, for kernels, then Adam's step."""
        if len(variable.shape) > 1:  # biases, scales and offsets have one axis
            self.assign_sub(variable, variable * self.kernel_decay * rate)
        super().update(index, gradient, variable, rate)

    def hyper_parameters(self) -> dict[str, float]:
        return super().hyper_parameters() | {"weight_decay": self.kernel_decay}


def build_optimizer(
    optimizer_config: Message,
    options: TrainOptions,
    schedule: LearningRateSchedule,
    rates: Rates | None = None,
) -> Optimizer:
    """The optimizer of pipeline.config, or the one that `options.optimizer` names.

    An overriding optimizer of the config's own kind keeps the config's hyperparameters; adamw takes
    epsilon from the config's Adam.

    Args:
      optimizer_config: the Optimizer message.
      options: `optimizer` and `weight_decay`.
      schedule: the learning rate.
      rates: of single variables, by path.

    Raises:
      BadInput: neither of them names an optimizer.
    """
    kind = optimizer_config.WhichOneof("optimizer")
    wanted = options.optimizer if options.optimizer != "config" else (kind or "").removesuffix("_optimizer")
    match wanted.replace("_", ""):
        case "momentum":
            momentum = optimizer_config.momentum_optimizer
            return Momentum(schedule, momentum.momentum_optimizer_value, rates)
        case "rmsprop":
            rms_prop = optimizer_config.rms_prop_optimizer
            return RMSProp(
                schedule, rms_prop.decay, rms_prop.momentum_optimizer_value, rms_prop.epsilon, rates
            )
        case "adam":
            return Adam(schedule, optimizer_config.adam_optimizer.epsilon, rates)
        case "adamw":
            return AdamW(schedule, options.weight_decay, optimizer_config.adam_optimizer.epsilon, rates)
        case _:
            raise BadInput(
                "there is no optimizer",
                "train_config.optimizer",
                "add a momentum_optimizer, rms_prop_optimizer or adam_optimizer, or set train.optimizer",
            )
