"""Rules about how fast and how long to train."""

from __future__ import annotations

from collections.abc import Iterator

from components.config_validator.findings import Change
from components.config_validator.learning_rate import active_schedule
from components.config_validator.subject import Problem, Subject

# Highest sensible rate for fine-tuning with up to _BATCH pictures a step; it grows with the batch.
_FINE_TUNING_PEAK = {"momentum_optimizer": 0.02, "rms_prop_optimizer": 0.006, "adam_optimizer": 0.005}
_BATCH = 32
_MANY_STEPS = 50_000


def learning_rate_suits_fine_tuning(subject: Subject) -> Iterator[Problem]:
    """Rates of training from scratch destroy what the checkpoint knows."""
    if (schedule := active_schedule(subject.config)) is None:
        return
    batch = max(subject.config.train_config.batch_size, 1)
    highest = _FINE_TUNING_PEAK[schedule.optimizer] * max(1.0, batch / _BATCH)
    if not schedule.peak > 0:  # NaN too
        yield Problem(
            "error",
            f"the learning rate is {schedule.peak:g}",
            schedule.peak_field,
            "nothing would be learned",
            f"a rate such as {highest / 4:g}",
        )
    elif schedule.peak > highest:
        yield Problem(
            "warning",
            f"the learning rate reaches {schedule.peak:g} with {schedule.optimizer} and batches of {batch}",
            schedule.peak_field,
            "for fine-tuning this is high: the loss may climb, then turn to NaN",
            f"a rate of {highest / 2:.2g} or less (train.learning_rate of the detector's YAML)",
        )


def num_steps_is_usable(subject: Subject) -> Iterator[Problem]:
    """Training must end, and soon enough."""
    steps, field = subject.config.train_config.num_steps, "train_config.num_steps"
    if steps < 1:
        yield Problem(
            "error",
            "num_steps is not set" if steps == 0 else f"num_steps is {steps}",
            field,
            "TF1 would train without end",
            "num_steps: 2000, or train.steps in the detector's YAML",
        )
    elif steps > _MANY_STEPS:
        yield Problem(
            "warning",
            f"num_steps is {steps}",
            field,
            "a recipe for training from scratch; fine-tuning is done after a few thousand steps",
            "num_steps: 2000 to 10000, or train.steps in the detector's YAML",
        )


def optimizer_is_there(subject: Subject) -> Iterator[Problem]:
    """Something must say how to learn."""
    if active_schedule(subject.config) is None:
        yield Problem(
            "warning",
            "train_config names no optimizer with a learning rate",
            "train_config",
            "training then needs optimizer, schedule and learning_rate from the detector's YAML",
            "add optimizer { momentum_optimizer { ... } } with a cosine_decay_learning_rate",
        )


def schedule_ends_with_training(subject: Subject) -> Iterator[Problem]:
    """The schedule's steps must fit num_steps."""
    schedule, steps = active_schedule(subject.config), subject.config.train_config.num_steps
    if schedule is None or steps < 1:
        return
    rate = schedule.message
    if schedule.kind == "cosine_decay_learning_rate":
        if rate.warmup_steps + rate.hold_base_rate_steps >= rate.total_steps:
            yield Problem(
                "error",
                f"warmup and hold take {rate.warmup_steps + rate.hold_base_rate_steps} "
                f"of {rate.total_steps} steps",
                f"{schedule.field}.warmup_steps",
                "no step is left to decay in: the rate becomes NaN",
                f"warmup_steps: {steps // 10} (it is 10000 where the config doesn't say)",
            )
        elif rate.total_steps != steps:
            field = f"{schedule.field}.total_steps"
            change = (Change(field=field, value=steps),)
            fits = rate.warmup_steps + rate.hold_base_rate_steps < steps
            yield Problem(
                "warning" if rate.total_steps > steps else "error",
                f"the cosine ends at step {rate.total_steps}, training at {steps}",
                field,
                "after its end the rate is 0" if rate.total_steps < steps else "the rate never falls to 0",
                f"total_steps: {steps}",
                change if fits else (),
            )
        if rate.warmup_steps and rate.warmup_learning_rate > rate.learning_rate_base:
            yield Problem(
                "error",
                f"warmup starts at {rate.warmup_learning_rate:g}, above {rate.learning_rate_base:g}",
                f"{schedule.field}.warmup_learning_rate",
                "a warmup rises to learning_rate_base",
                f"warmup_learning_rate: {rate.learning_rate_base / 10:g}",
            )
    if schedule.kind == "manual_step_learning_rate":
        boundaries = [step.step for step in rate.schedule]
        if boundaries != sorted(set(boundaries)) or any(step < 1 for step in boundaries):
            yield Problem(
                "error",
                f"the schedule's steps are {boundaries}",
                f"{schedule.field}.schedule",
                "each rate holds until the next step, so steps must rise from 1 on",
                "order the schedule by step, each step once",
            )
        elif boundaries and boundaries[0] >= steps:
            yield Problem(
                "info",
                f"the rate first changes at step {boundaries[0]}, training ends at {steps}",
                f"{schedule.field}.schedule",
                "the rate stays constant",
                "nothing to do, or put the steps below num_steps",
            )
