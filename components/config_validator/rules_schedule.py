"""Rules about how long to train, and about what the learning rate does meanwhile."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from components.config_validator.findings import Change
from components.config_validator.learning_rate import Schedule, active_schedule
from components.config_validator.subject import Problem, Rule, Subject

_MANY_STEPS = 50_000
_CONSTANT_ABOVE = 0.95  # a rate that ends above this part of its start does not decay
_NOTHING_BELOW = 0.001  # and one below this part trains nothing any more


def num_steps_is_usable(subject: Subject) -> Iterator[Problem]:
    """Training must end, and soon enough."""
    steps, field = subject.training.num_steps, "train_config.num_steps"
    if steps < 1:
        yield Problem(
            "error" if subject.is_final else "warning",
            "num_steps is not set",
            field,
            "TF1 trained without end; here a training ends, so the detector's YAML must say when",
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


def schedule_ends_with_training(subject: Subject) -> Iterator[Problem]:
    """The schedule's steps must fit num_steps."""
    schedule, steps = active_schedule(subject.config), subject.training.num_steps
    if schedule is None or steps < 1:
        return
    if schedule.kind == "cosine_decay_learning_rate":
        yield from _cosine(schedule, steps)
    elif schedule.kind == "manual_step_learning_rate":
        yield from _manual_steps(schedule, steps)


def _cosine(schedule: Schedule, steps: int) -> Iterator[Problem]:
    rate = schedule.message
    if rate.warmup_steps + rate.hold_base_rate_steps >= rate.total_steps:
        yield Problem(
            "error",
            f"warmup and hold take {rate.warmup_steps + rate.hold_base_rate_steps} "
            f"of {rate.total_steps} steps",
            f"{schedule.field}.warmup_steps",
            "no step is left to decay in: in TF1 the rate becomes NaN",
            f"warmup_steps: {steps // 10} (it is 10000 where the config doesn't say)",
        )
    elif rate.total_steps != steps:
        field = f"{schedule.field}.total_steps"
        fits = rate.warmup_steps + rate.hold_base_rate_steps < steps
        yield Problem(
            "warning" if rate.total_steps > steps else "error",
            f"the cosine ends at step {rate.total_steps}, training at {steps}",
            field,
            "after its end the rate is 0" if rate.total_steps < steps else "the rate never falls to 0",
            f"total_steps: {steps}",
            (Change(field=field, value=steps),) if fits else (),
        )
    if rate.warmup_steps and rate.warmup_learning_rate > rate.learning_rate_base:
        yield Problem(
            "error",
            f"warmup starts at {rate.warmup_learning_rate:g}, above {rate.learning_rate_base:g}",
            f"{schedule.field}.warmup_learning_rate",
            "a warmup rises to learning_rate_base",
            f"warmup_learning_rate: {rate.learning_rate_base / 10:g}",
        )


def _manual_steps(schedule: Schedule, steps: int) -> Iterator[Problem]:
    boundaries, field = [step.step for step in schedule.message.schedule], f"{schedule.field}.schedule"
    if not boundaries:
        yield Problem(
            "error",
            "manual_step_learning_rate has no schedule",
            schedule.field,
            "there is no step to change the rate at",
            "add schedule { step: ... learning_rate: ... }, or use constant_learning_rate",
        )
    elif boundaries != sorted(set(boundaries)) or boundaries[0] < 1:
        yield Problem(
            "error",
            f"the schedule's steps are {boundaries}",
            field,
            "each rate holds until the next step, so steps must rise from 1 on",
            "order the schedule by step, each step once",
        )
    elif boundaries[0] >= steps and not schedule.message.warmup:
        yield Problem(
            "info",
            f"the rate first changes at step {boundaries[0]}, training ends at {steps}",
            field,
            "the rate stays constant",
            "nothing to do, or put the steps below num_steps",
        )


def warmup_suits_the_training(subject: Subject) -> Iterator[Problem]:
    """A high rate wants a slow start, which must leave most of the training at full rate."""
    schedule, training = active_schedule(subject.config), subject.training
    if schedule is None or not schedule.peak > 0:
        return
    steps, warmup = training.num_steps, schedule.warmup_steps
    if schedule.kind == "cosine_decay_learning_rate" and warmup >= schedule.message.total_steps:
        return  # CFG014's
    if steps and 2 * warmup > steps:
        over = warmup >= steps
        yield Problem(
            "warning",
            f"the warmup takes {warmup} of {steps} steps",
            schedule.warmup_field,
            "training ends before the rate is there" if over else "most of the training is at a lower rate",
            f"a warmup of {max(1, steps // 10)} steps",
        )
    batch = max(training.batch_size, 1)
    if warmup or schedule.optimizer != "momentum_optimizer" or schedule.is_too_high(batch):  # CFG012's
        return
    if schedule.is_high(batch):
        yield Problem(
            "warning",
            f"training starts at once with a rate of {schedule.peak:g}",
            schedule.warmup_field,
            "the fresh heads send large gradients into the backbone in the first steps",
            f"a lower rate, or warmup_steps: {max(1, steps // 10)} of a cosine_decay_learning_rate",
        )


def rate_decays_in_time(subject: Subject) -> Iterator[Problem]:
    """The rate should fall during the training: not to nothing in its first half, nor only after its end."""
    schedule, steps = active_schedule(subject.config), subject.training.num_steps
    if schedule is None:
        return
    if schedule.kind == "exponential_decay_learning_rate":
        yield from _exponential(schedule, steps)
    elif schedule.kind == "manual_step_learning_rate":
        for entry in schedule.message.schedule:
            if not entry.learning_rate > 0 and entry.step < steps:
                yield Problem(
                    "warning",
                    f"from step {entry.step} of {steps} on the rate is {entry.learning_rate:g}",
                    f"{schedule.field}.schedule",
                    "those steps train nothing",
                    f"num_steps: {entry.step}, or a rate above 0",
                )
                return


def _exponential(schedule: Schedule, steps: int) -> Iterator[Problem]:
    rate = schedule.message
    if rate.decay_steps < 1:
        yield Problem(
            "error",
            f"decay_steps is {rate.decay_steps}",
            f"{schedule.field}.decay_steps",
            "the step is divided by it: the rate becomes NaN",
            f"decay_steps: {max(1, steps // 20)} with decay_factor: 0.95",
        )
    elif not 0.0 < rate.decay_factor <= 1.0:
        grows = rate.decay_factor > 1.0
        yield Problem(
            "warning" if grows else "error",
            f"decay_factor is {rate.decay_factor:g}",
            f"{schedule.field}.decay_factor",
            "the rate grows from step to step" if grows else "the rate turns to 0, or is no number",
            "decay_factor: 0.95",
        )
    elif steps > 0:
        yield from _exponential_in_time(schedule, rate, steps)


def _exponential_in_time(schedule: Schedule, rate: Any, steps: int) -> Iterator[Problem]:
    def part_at(step: int) -> float:
        periods = max(0, step - rate.burnin_steps) / rate.decay_steps
        part = rate.decay_factor ** (math.floor(periods) if rate.staircase else periods)
        return float(max(part, rate.min_learning_rate / max(rate.initial_learning_rate, 1e-30)))

    if part_at(steps) > _CONSTANT_ABOVE:
        yield Problem(
            "info",
            f"the rate first decays at step {rate.burnin_steps + rate.decay_steps}, training ends at {steps}"
            if rate.staircase and rate.decay_factor < 1.0
            else f"the rate ends at {part_at(steps):.0%} of its start",
            f"{schedule.field}.decay_steps",
            "the rate stays constant",
            f"nothing to do, or decay_steps: {max(1, steps // 20)} with decay_factor: 0.95",
        )
    elif part_at(steps // 2) < _NOTHING_BELOW:
        yield Problem(
            "warning",
            f"at step {steps // 2} of {steps} the rate is down to {part_at(steps // 2):.1g} of its start",
            f"{schedule.field}.decay_steps",
            "the second half of the training changes next to nothing",
            f"decay_steps: {max(1, steps // 20)} with decay_factor: 0.95",
        )


RULES = (
    Rule(
        "CFG013",
        "number of steps",
        num_steps_is_usable,
        ("error", "warning"),
        "num_steps: 200000",
        "Set 2000 to 10000 steps, or train.steps of the detector's YAML.",
    ),
    Rule(
        "CFG014",
        "steps of the schedule",
        schedule_ends_with_training,
        ("error", "warning", "info"),
        "num_steps: 4000  # with total_steps: 2000 in the cosine",
        "Let a cosine end with the training, and manual steps rise within it.",
        safe=True,
    ),
    Rule(
        "CFG047",
        "warmup",
        warmup_suits_the_training,
        ("warning",),
        "warmup_steps: 10000  # with num_steps: 2000",
        "Let the warmup take a tenth of the training.",
    ),
    Rule(
        "CFG064",
        "decay of the learning rate",
        rate_decays_in_time,
        ("error", "warning", "info"),
        "exponential_decay_learning_rate { decay_steps: 800720 }  # with num_steps: 2000",
        "Choose decay_steps so that the rate falls in the last half of the training.",
    ),
)
