"""A learning rate range test (Smith, 2017): a short training with a rising rate, to see what it bears."""

from __future__ import annotations

import math

import keras
import numpy as np
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule
from numpy.typing import NDArray

from components.trainer.batch_norm import trains_batch_norm
from components.trainer.devices import Devices
from components.trainer.job import TrainingJob
from components.trainer.options import SearchOptions
from components.trainer.results import LearningRateCurve
from components.trainer.setup import build_trainer
from components.trainer.stages import build_stages

_DIVERGED = 4.0  # times the lowest loss
_BELOW_MINIMUM = 10.0
_NOISE = 2.0  # standard errors that a fall of the loss must be larger than


class ExponentialRise(LearningRateSchedule):
    """From `first` at step 0 to `last` at step `steps` - 1, by the same factor at each step."""

    def __init__(self, first: float, last: float, steps: int) -> None:
        self.first = first
        self.last = last
        self.steps = steps

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Rate float32 [] at integer step []."""
        part = tf.cast(step, tf.float32) / float(self.steps - 1)
        return self.first * tf.pow(tf.constant(self.last / self.first, tf.float32), part)


class _LossRecorder(keras.callbacks.Callback):
    """Keeps the loss and the rate of each step; ends the test where the loss runs away or is no number."""

    def __init__(self, window: int) -> None:
        super().__init__()
        self.rates: list[float] = []
        self.losses: list[float] = []
        self._window = window
        self._lowest = math.inf

    def on_train_batch_end(self, batch: int, logs: dict[str, tf.Tensor] | None = None) -> None:
        values = {name: float(value) for name, value in (logs or {}).items()}
        if not (math.isfinite(values["loss"]) and math.isfinite(values["gradient_norm"])):
            self.model.stop_training = True
            return
        self.rates.append(values["learning_rate"])
        self.losses.append(values["loss"])
        if len(self.losses) >= self._window:
            recent = float(np.mean(self.losses[-self._window :]))
            self._lowest = min(self._lowest, recent)
            self.model.stop_training = recent > _DIVERGED * self._lowest


def search_learning_rate(job: TrainingJob, search: SearchOptions, devices: Devices) -> LearningRateCurve:
    """Trains the converted model for `search.steps` with a rising rate, and throws the weights away.

    The model, the data and what trains first are those of the training. The curve ends early where the loss
    diverges; whether its suggestion is applied is not decided here.
    """
    changed = job.options.model_copy(
        update={
            "steps": search.steps,
            "train_batch_norm": trains_batch_norm(job, devices.replicas),  # as all of its steps decide
            # replaced below; what it is now must only be valid
            "schedule": "constant",
            "learning_rate": search.min_rate,
            "warmup_steps": None,
        }
    )
    test = job.with_options(changed)
    keras.utils.set_random_seed(test.options.seed)
    with devices.scope():
        trainer = build_trainer(test, devices)
    trainer.optimizer.learning_rate = ExponentialRise(search.min_rate, search.max_rate, search.steps)
    trainer.train_only(build_stages(test, trainer)[0].trained)
    window = window_of(search.steps)
    recorder = _LossRecorder(window)
    trainer.fit(
        test.training_batches(trainer.detector),
        steps_per_epoch=search.steps,
        shuffle=False,
        verbose=0,
        callbacks=[recorder],
    )
    rates, losses = np.array(recorder.rates), np.array(recorder.losses)
    return LearningRateCurve(
        rates=rates.tolist(),
        losses=smooth(losses, window).tolist(),
        suggestion=suggest(rates, losses, window),
        applied=False,
    )


def window_of(steps: int) -> int:
    """How many steps a smoothed loss is the mean of: a tenth of `steps`, odd, at least 3."""
    return max(3, steps // 10 | 1)


def smooth(losses: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """The mean of each loss and its neighbours, `window` of them together, fewer at the ends; `[N]`.

    Centred, so that the curve does not lag behind the rates.
    """
    half = window // 2
    return np.array([losses[max(0, i - half) : i + half + 1].mean() for i in range(len(losses))])


def suggest(rates: NDArray[np.float64], losses: NDArray[np.float64], window: int) -> float | None:
    """A tenth of the rate at which the smoothed loss is lowest; None if no rate lowers the loss.

    At the lowest point a step does as much harm as good already. The loss counts as lowered if it falls below
    that of the first rates by more than two standard errors, by the scatter of the losses up to there.

    Args:
      rates, losses: of each step, `[N]`.
      window: steps that are averaged.
    """
    if len(losses) < 2 * window:
        return None
    smoothed = smooth(losses, window)
    lowest = int(np.argmin(smoothed))
    if lowest < window:
        return None
    scatter = float(np.std((losses - smoothed)[: lowest + 1]))
    fall = float(losses[:window].mean() - smoothed[lowest])
    if fall <= _NOISE * scatter * math.sqrt(2 / window):
        return None
    return max(float(rates[lowest]) / _BELOW_MINIMUM, float(rates[0]))
