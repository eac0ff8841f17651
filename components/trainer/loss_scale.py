"""Keeps the gradients of float16 in its range."""

from __future__ import annotations

import keras
import tensorflow as tf

_FIRST = 2.0**15
_GROWS_AFTER = 2000


class LossScale:
    """What the loss is multiplied by before the gradients are computed, which are divided by it again.

    As Keras's LossScaleOptimizer it is halved where a gradient overflows, and doubled after 2000 steps in a
    row without. But a step that overflows counts as a step without an update: Keras would not count it, and
    steps, data and schedule would part. At 1, an overflow is no matter of the scale any more.

    Its variables are the optimizer's, so that a checkpoint has them.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer) -> None:
        def variable(name: str, initial: float) -> keras.Variable:
            return optimizer.add_variable(
                shape=(), initializer=keras.initializers.Constant(initial), dtype="float32", name=name
            )

        self.scale = variable("loss_scale", _FIRST)
        self.finite_steps = variable("finite_steps", 0.0)

    def is_too_large(self, loss: tf.Tensor, gradient_norm: tf.Tensor) -> tf.Tensor:
        """Whether it is the scale that made the gradients overflow, bool scalar."""
        return tf.math.is_finite(loss) & ~tf.math.is_finite(gradient_norm) & (self.scale.value > 1.0)

    def grow(self) -> None:
        """After a step without overflow."""
        steps = self.finite_steps.value + 1.0
        due = steps >= _GROWS_AFTER
        self.scale.assign(tf.where(due, self.scale.value * 2.0, self.scale.value))
        self.finite_steps.assign(tf.where(due, 0.0, steps))

    def shrink(self) -> None:
        """After a step with overflow."""
        self.scale.assign(tf.maximum(self.scale.value / 2.0, 1.0))
        self.finite_steps.assign(0.0)
