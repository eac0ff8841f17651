"""Settings that are found by trying, before the training: a learning rate, or several settings at once."""

from __future__ import annotations

import gc
from dataclasses import dataclass

from pydantic import BaseModel

from components.trainer.devices import Devices
from components.trainer.files import read_found
from components.trainer.job import TrainingJob
from components.trainer.lr_search import search_learning_rate
from components.trainer.options import SearchOptions
from components.trainer.results import LearningRateCurve, Sweep
from detection.config.text_files import write_text


@dataclass(frozen=True)
class Choice:
    """The training with what was found, and what was found."""

    job: TrainingJob
    search: LearningRateCurve | None = None
    sweep: Sweep | None = None


class _Found(BaseModel):
    """lr_search.json: the curve of the training with this identity."""

    identity: str
    curve: LearningRateCurve


def choose_settings(job: TrainingJob, devices: Devices) -> Choice:
    """Runs what `train.lr_search` and `train.sweep` ask for; a retry takes what was found before.

    The sweep's trials have the rate that the search applies, unless they try rates themselves. What the run's
    trigger has set stays. The identity of the training with what was found is the same at every retry, so its
    checkpoints are too.

    Raises:
      BadInput: config, options and data do not make the short trainings, or the memory is too small.
      Failed: a disk is full.
    """
    search, sweep = job.options.lr_search, job.options.sweep
    curve = trials = None
    if search:
        curve = _curve(job, search, devices)
        use = search.apply and curve.suggestion is not None and "learning_rate" not in job.triggered
        curve = curve.model_copy(update={"applied": use})
        print(f"learning rate search: {_describe(curve, job)}", flush=True)
        if curve.applied:
            job = job.with_options(job.options.model_copy(update={"learning_rate": curve.suggestion}))
    if sweep:
        # here, because KerasTuner takes seconds to import, and few trainings sweep
        from components.trainer.sweep import lists_of, run_sweep

        if not lists_of(sweep, job.triggered):
            print("sweep: none, the run's trigger has set all that it would try", flush=True)
        else:
            trials = run_sweep(job, sweep, devices)
            print(f"sweep: {_best(trials)}", flush=True)
            if trials.applied and trials.best is not None:
                settings = trials.trials[trials.best].settings
                job = job.with_options(job.options.model_copy(update=settings))
    return Choice(job, curve, trials)


def _curve(job: TrainingJob, search: SearchOptions, devices: Devices) -> LearningRateCurve:
    file, identity = job.paths.work / "lr_search.json", job.identity()
    found = read_found(file, _Found)
    if found and found.identity == identity:
        return found.curve
    curve = search_learning_rate(job, search, devices)
    gc.collect()  # a model is full of cycles, and the next one needs its memory
    write_text(_Found(identity=identity, curve=curve).model_dump_json(), file)
    return curve


def _describe(curve: LearningRateCurve, job: TrainingJob) -> str:
    tried = f"{len(curve.rates)} steps"
    if curve.rates:
        tried += f" from {curve.rates[0]:.3g} to {curve.rates[-1]:.3g}"
    if curve.suggestion is None:
        return f"{tried}, no rate lowers the loss"
    why = "the trigger has set it" if "learning_rate" in job.triggered else "lr_search.apply is false"
    use = "used" if curve.applied else f"not used: {why}"
    lowest = curve.losses.index(min(curve.losses))
    fall = f"loss {curve.losses[0]:.3f}, lowest {curve.losses[lowest]:.3f} at {curve.rates[lowest]:.3g}"
    return f"{tried}, {fall}: suggests {curve.suggestion:.3g} ({use})"


def _best(sweep: Sweep) -> str:
    from components.trainer.sweep import describe

    tried = f"{len(sweep.trials)} trials"
    if sweep.best is None:
        return f"{tried}, none of them trains"
    use = "used" if sweep.applied else "not used: sweep.apply is false"
    return f"{tried}, the best is {describe(sweep.trials[sweep.best])} ({use})"
