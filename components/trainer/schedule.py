"""Learning-rate schedules with the OD API's definitions (object_detection/utils/learning_schedules.py).

Step 0 is the first update. Arithmetic has the original's precision and order: float32, but for the rates of a
manual schedule, which the original computes in Python. So the rates are the original's to the last bit.
"""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf
from google.protobuf.message import Message
from keras.optimizers.schedules import LearningRateSchedule

from components.trainer.options import TrainOptions
from detection.config.architectures import WARMUP_START
from detection.errors import BadInput


class Schedule(LearningRateSchedule):
    """A schedule whose attributes are all of its numbers."""

    def get_config(self) -> dict[str, Any]:
        """Its numbers by name."""
        return dict(vars(self))


class Constant(Schedule):
    """The same rate at every step, after a linear warmup if `warmup_steps` > 0."""

    def __init__(self, rate: float, warmup_steps: int = 0) -> None:
        self.rate = rate
        self.warmup_steps = warmup_steps

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Rate float32 [] at integer step []."""
        rate = tf.constant(self.rate, tf.float32)
        return _with_warmup(step, rate, self.rate, self.rate * WARMUP_START, self.warmup_steps)


class ExponentialDecay(Schedule):
    """rate * factor^((step - burnin_steps) / decay_steps), not below `min_rate`; `burnin_rate` before."""

    def __init__(
        self,
        rate: float,
        decay_steps: int,
        decay_factor: float,
        *,
        staircase: bool = True,
        burnin_rate: float = 0.0,
        burnin_steps: int = 0,
        min_rate: float = 0.0,
    ) -> None:
        self.rate = rate
        self.decay_steps = decay_steps
        self.decay_factor = decay_factor
        self.staircase = staircase
        self.burnin_rate = burnin_rate or rate
        self.burnin_steps = burnin_steps
        self.min_rate = min_rate

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Rate float32 [] at integer step []."""
        periods = tf.cast(tf.cast(step, tf.int64) - self.burnin_steps, tf.float32) / float(self.decay_steps)
        if self.staircase:
            periods = tf.floor(periods)
        decayed = self.rate * tf.pow(tf.constant(self.decay_factor, tf.float32), periods)
        in_burnin = tf.cast(step, tf.int64) < self.burnin_steps
        return tf.maximum(tf.where(in_burnin, self.burnin_rate, decayed), self.min_rate)


class ManualStep(Schedule):
    """rates[i] from step boundaries[i - 1] on; with `warmup`, linear from rates[0] to rates[1] before."""

    def __init__(self, boundaries: list[int], rates: list[float], *, warmup: bool = False) -> None:
        self.boundaries = boundaries
        self.rates = rates
        self.warmup = warmup

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Rate float32 [] at integer step []."""
        step = tf.cast(step, tf.int64)
        passed = tf.reduce_sum(tf.cast(step >= tf.constant(self.boundaries, tf.int64), tf.int32))
        rate = tf.gather(tf.constant(self.rates, tf.float64), passed)
        if self.warmup:
            slope = (self.rates[1] - self.rates[0]) / self.boundaries[0]
            rate = tf.where(passed == 0, self.rates[0] + slope * tf.cast(step, tf.float64), rate)
        return tf.cast(rate, tf.float32)


class CosineDecay(Schedule):
    """Linear from `warmup_rate` to `rate`, held for `hold_steps`, then half a cosine to 0 at the end."""

    def __init__(
        self,
        rate: float,
        total_steps: int,
        *,
        warmup_rate: float = 0.0,
        warmup_steps: int = 0,
        hold_steps: int = 0,
    ) -> None:
        self.rate = rate
        self.total_steps = total_steps
        self.warmup_rate = warmup_rate
        self.warmup_steps = warmup_steps
        self.hold_steps = hold_steps

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Rate float32 [] at integer step []."""
        step = tf.cast(step, tf.int64)
        start = self.warmup_steps + self.hold_steps
        # max(1, .): a warmup as long as the training leaves no step to decay over.
        decay_steps = max(1, self.total_steps - start)
        past = tf.cast(step, tf.float32) - float(self.warmup_steps) - float(self.hold_steps)
        rate = 0.5 * self.rate * (1.0 + tf.cos(math.pi * past / float(decay_steps)))
        if self.hold_steps > 0:
            rate = tf.where(step > start, rate, self.rate)
        rate = _with_warmup(step, rate, self.rate, self.warmup_rate, self.warmup_steps)
        return tf.where(step > self.total_steps, 0.0, rate)


def _with_warmup(
    step: tf.Tensor, rate: tf.Tensor, base: float, warmup_rate: float, warmup_steps: int
) -> tf.Tensor:
    """`rate`, or the line from `warmup_rate` at step 0 to `base` at `warmup_steps` before that step."""
    if warmup_steps <= 0:
        return rate
    slope = (base - warmup_rate) / warmup_steps
    warming_up = tf.cast(step, tf.float32) * slope + warmup_rate
    return tf.where(tf.cast(step, tf.int64) < warmup_steps, warming_up, rate)


def build_schedule(
    optimizer_config: Message, options: TrainOptions, total_steps: int
) -> LearningRateSchedule:
    """The schedule of pipeline.config, or the one that `options` puts in its place.

    Args:
      optimizer_config: the Optimizer message.
      options: `schedule`, `learning_rate` (replaces the base rate; a config's schedule keeps its shape)
        and `warmup_steps` (at most half of `total_steps`).
      total_steps: training steps; the length of an overriding cosine.

    Raises:
      BadInput: there is no learning rate, or the values contradict each other.
    """
    config = _learning_rate_config(optimizer_config)
    if options.schedule == "config":
        if options.warmup_steps:
            raise BadInput(
                "warmup_steps is set, but the schedule is the pipeline.config's own",
                "train.warmup_steps",
                "set train.schedule to cosine or constant, or edit the warmup in pipeline.config",
            )
        if config is None:
            raise BadInput(
                "the optimizer has no learning rate",
                "train_config.optimizer",
                "add a learning_rate there, or set train.schedule and train.learning_rate",
            )
        return _from_config(config, options.learning_rate)
    rate = base_rate(optimizer_config, options)
    if rate is None:
        raise BadInput(
            "there is no learning rate", "train.learning_rate", "set it, for example to 0.004 for fine-tuning"
        )
    # A run that was shortened by hand must still come out of the warmup.
    warmup_steps = min(options.warmup_steps or 0, total_steps // 2)
    if options.schedule == "constant":
        return Constant(rate, warmup_steps)
    return CosineDecay(rate, total_steps, warmup_rate=rate * WARMUP_START, warmup_steps=warmup_steps)


def base_rate(optimizer_config: Message, options: TrainOptions) -> float | None:
    """The rate that `options` sets, else the config's base rate; None where neither has one."""
    if options.learning_rate is not None:
        return options.learning_rate
    return _config_base_rate(_learning_rate_config(optimizer_config))


def _learning_rate_config(optimizer_config: Message) -> Message | None:
    kind = optimizer_config.WhichOneof("optimizer")
    learning_rate = getattr(optimizer_config, kind).learning_rate if kind else None
    schedule = learning_rate.WhichOneof("learning_rate") if learning_rate is not None else None
    return getattr(learning_rate, schedule) if schedule else None


def _config_base_rate(config: Message | None) -> float | None:
    if config is None:
        return None
    match config.DESCRIPTOR.name:
        case "ConstantLearningRate":
            return config.learning_rate
        case "CosineDecayLearningRate":
            return config.learning_rate_base
        case _:
            return config.initial_learning_rate


def _from_config(config: Message, base: float | None) -> LearningRateSchedule:
    """The config's schedule; `base` scales all of its rates so that the base rate becomes `base`."""
    config_base = _config_base_rate(config) or 0.0
    scale = 1.0 if base is None or config_base == 0.0 else base / config_base
    rate = config_base * scale if base is None else base
    match config.DESCRIPTOR.name:
        case "ConstantLearningRate":
            return Constant(rate)
        case "ExponentialDecayLearningRate":
            return ExponentialDecay(
                rate,
                config.decay_steps,
                config.decay_factor,
                staircase=config.staircase,
                burnin_rate=config.burnin_learning_rate * scale,
                burnin_steps=config.burnin_steps,
                min_rate=config.min_learning_rate * scale,
            )
        case "ManualStepLearningRate":
            boundaries = [entry.step for entry in config.schedule]
            _check_boundaries(boundaries)
            rates = [rate] + [entry.learning_rate * scale for entry in config.schedule]
            return ManualStep(boundaries, rates, warmup=config.warmup)
        case _:
            _check_cosine(config)
            return CosineDecay(
                rate,
                config.total_steps,
                warmup_rate=config.warmup_learning_rate * scale,
                warmup_steps=config.warmup_steps,
                hold_steps=config.hold_base_rate_steps,
            )


def _check_boundaries(boundaries: list[int]) -> None:
    where = "train_config.optimizer, manual_step_learning_rate"
    if not boundaries:
        raise BadInput("the schedule has no entry", where, "add a schedule { step: ... learning_rate: ... }")
    if boundaries[0] == 0 or boundaries != sorted(set(boundaries)):
        raise BadInput(
            f"the schedule's steps are {boundaries}", where, "steps must be above 0 and strictly increasing"
        )


def _check_cosine(config: Message) -> None:
    where = "train_config.optimizer, cosine_decay_learning_rate"
    if config.total_steps < config.warmup_steps:
        raise BadInput(
            f"warmup_steps {config.warmup_steps} is more than total_steps {config.total_steps}",
            where,
            "make the warmup shorter",
        )
    if config.warmup_steps and config.learning_rate_base < config.warmup_learning_rate:
        raise BadInput(
            f"warmup_learning_rate {config.warmup_learning_rate:g} is above"
            f" learning_rate_base {config.learning_rate_base:g}",
            where,
            "set a warmup_learning_rate below the base",
        )
