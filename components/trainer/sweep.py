"""A small search for settings: short trainings that KerasTuner draws, compared by their validation loss."""

from __future__ import annotations

import gc
import itertools
import math
import random
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import tensorflow as tf
from pydantic import BaseModel

from components.trainer.batch_norm import trains_batch_norm
from components.trainer.devices import Devices
from components.trainer.files import read_found
from components.trainer.halving import halving_batches
from components.trainer.job import TrainingJob
from components.trainer.options import SweepOptions
from components.trainer.results import Sweep, Trial
from components.trainer.setup import build_trainer
from components.trainer.shortages import shortages_named
from components.trainer.stages import build_stages
from components.trainer.validation import Validation
from detection.config.label_map import read_label_map
from detection.config.text_files import write_text
from detection.errors import BadInput

Settings = dict[str, float | int | str]

_SETTINGS = ("learning_rate", "batch_size", "optimizer", "restored_rate")
_OBJECTIVE = "eval_loss"


class _Finished(BaseModel):
    """sweep.json: the trials that are done, of the training with this identity."""

    identity: str
    trials: list[Trial]


class DrawnOracle(keras_tuner.Oracle):
    """Draws combinations of the listed values, none twice, in an order that follows from the seed alone.

    KerasTuner's own random oracle ends early where it draws what it has had too often, and its grid varies
    only the last lists while trials are fewer than combinations.

    Attributes:
      drawn: the settings of each trial.
    """

    def __init__(self, lists: dict[str, list[Any]], trials: int, seed: int) -> None:
        space = keras_tuner.HyperParameters()
        for name, values in lists.items():
            space.Choice(name, values)
        combinations = list(itertools.product(*lists.values()))
        drawn = random.Random(seed).sample(combinations, min(trials, len(combinations)))
        self.drawn: list[Settings] = [dict(zip(lists, values, strict=True)) for values in drawn]
        super().__init__(
            objective=keras_tuner.Objective(_OBJECTIVE, "min"),
            max_trials=len(drawn),
            hyperparameters=space,
            allow_new_entries=False,
            max_consecutive_failed_trials=len(drawn) + 1,  # failures are results: they end no search
        )

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """The settings of the trial that begins."""
        return {"status": "RUNNING", "values": dict(self.drawn[len(self.start_order)])}


class SweepTuner(keras_tuner.Tuner):
    """Each trial trains the converted model for a few steps and validates it.

    KerasTuner's own files are not written whole, so a kill could leave half of one. They go to `scratch` and
    are not read again: `file` has the finished trials, and a retry, which draws the same settings, takes
    their results from it.
    """

    def __init__(
        self, job: TrainingJob, sweep: SweepOptions, devices: Devices, file: Path, scratch: str
    ) -> None:
        oracle = DrawnOracle(lists_of(sweep, job.triggered), sweep.trials, job.options.seed)
        super().__init__(oracle, directory=scratch, project_name="sweep")
        self._total = len(oracle.drawn)
        self._job = job
        self._steps = sweep.steps
        self._devices = devices
        self._file = file
        self._finished = _read(file, job.identity())

    @property
    def trials(self) -> list[Trial]:
        """What is finished, in the order of the draws."""
        return self._finished.trials

    def run_trial(self, trial: Any, *fit_args: Any, **fit_settings: Any) -> dict[str, float]:
        """The validation loss with the settings of `trial`.

        Raises:
          FailedTrialError: they don't train; the search goes on.
          FatalError: what isn't about these settings, as its cause.
        """
        settings = dict(trial.hyperparameters.values)
        done = next((each for each in self.trials if each.settings == settings), None)
        if done is None:
            try:
                done = self._train(settings)
            except Exception as error:
                raise keras_tuner.errors.FatalError(str(error)) from error
            self.trials.append(done)
            write_text(self._finished.model_dump_json(), self._file)
            print(f"sweep {len(self.trials)}/{self._total}: {describe(done)}", flush=True)
        if done.loss is None:
            raise keras_tuner.errors.FailedTrialError(done.why)
        return {_OBJECTIVE: done.loss}

    def _train(self, settings: Settings) -> Trial:
        chosen = self._job.with_options(self._job.options.model_copy(update=settings))
        short = {"steps": self._steps, "train_batch_norm": trains_batch_norm(chosen, self._devices.replicas)}
        trial = chosen.with_options(chosen.options.model_copy(update=short))
        try:
            with shortages_named(trial.config, trial.batch_size, (self._file.parent,)):
                loss = halving_batches(trial, self._devices, self._validation_loss)
        except BadInput as error:
            return Trial(settings=settings, loss=None, why=error.what)
        except _NonFinite as error:
            return Trial(settings=settings, loss=None, why=str(error))
        finally:
            gc.collect()  # a model is full of cycles, and the next one needs its memory
        return Trial(settings=settings, loss=loss)

    def _validation_loss(self, trial: TrainingJob) -> float:
        keras.utils.set_random_seed(trial.options.seed)
        with self._devices.scope():
            trainer = build_trainer(trial, self._devices)
        trainer.averages = None  # after so few steps they would still be the weights before training
        done = 0
        for stage in build_stages(trial, trainer):
            trainer.train_only(stage.trained)
            trainer.fit(
                trial.training_batches(trainer.detector, done),
                steps_per_epoch=stage.end - done,
                shuffle=False,
                verbose=0,
                callbacks=[_StopAtNonFinite()],
            )
            done = stage.end
        # in batches of one size for all trials: a batch's loss is divided by its number of objects
        batches = self._job.validation_batches(trainer.detector)
        result = Validation(trainer, batches, read_label_map(trial.paths.label_map)).run()
        assert result is not None  # nothing asks it to end
        loss = result.values[_OBJECTIVE]
        if not math.isfinite(loss):
            raise _NonFinite(f"the validation loss is {loss}")
        return loss


class _NonFinite(Exception):
    """A trial's loss is NaN or infinite."""


class _StopAtNonFinite(keras.callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs: dict[str, tf.Tensor] | None = None) -> None:
        for name in ("loss", "gradient_norm"):
            value = float((logs or {})[name])
            if not math.isfinite(value):
                raise _NonFinite(f"the {name.replace('_', ' ')} is {value} at step {batch + 1}")


def run_sweep(job: TrainingJob, sweep: SweepOptions, devices: Devices) -> Sweep:
    """Tries what `sweep` lists; what a killed call had finished is not tried again.

    There must be something to try: see lists_of.

    Raises:
      BadInput: there is no validation data.
      Failed: a disk is full.
    """
    if not job.paths.eval_files:
        raise BadInput(
            "there is no validation to compare the trials by",
            "train.sweep",
            "give evaluation data, or leave train.sweep out",
        )
    with tempfile.TemporaryDirectory(prefix="sweep-") as scratch:
        tuner = SweepTuner(job, sweep, devices, job.paths.work / "sweep.json", scratch)
        try:
            tuner.search(verbose=0)
        except keras_tuner.errors.FatalError as error:
            raise error.__cause__ or error from None
    losses = [math.inf if trial.loss is None else trial.loss for trial in tuner.trials]
    best = losses.index(min(losses)) if min(losses) < math.inf else None
    return Sweep(trials=tuner.trials, best=best, applied=sweep.apply and best is not None)


def lists_of(sweep: SweepOptions, triggered: Collection[str]) -> dict[str, list[Any]]:
    """The values to try by setting, of those that `sweep` lists and the run's trigger has not set."""
    lists = {name: list(dict.fromkeys(getattr(sweep, name))) for name in _SETTINGS if name not in triggered}
    return {name: values for name, values in lists.items() if values}


def describe(trial: Trial) -> str:
    """The settings of a trial and what came of them, for people."""
    settings = ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in trial.settings.items()
    )
    return f"{settings}: " + (trial.why if trial.loss is None else f"eval loss {trial.loss:.3f}")


def _read(file: Path, identity: str) -> _Finished:
    found = read_found(file, _Finished)
    return found if found and found.identity == identity else _Finished(identity=identity, trials=[])
