"""Overrides as changes of a config: made before the rules are asked, and shown in the diff like a fix."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from google.protobuf.message import Message

from components.config_validator.findings import Change
from components.config_validator.learning_rate import active_schedule
from detection.config.architectures import WARMUP_START

if TYPE_CHECKING:  # pydantic takes longer to import than a lint takes
    from components.config_validator.overrides import Overrides

_OPTIMIZERS = {
    "momentum": "momentum_optimizer",
    "adam": "adam_optimizer",
    "adamw": "adam_optimizer",  # the config has no message for its weight decay
    "rmsprop": "rms_prop_optimizer",
}


def override_changes(config: Any, overrides: Overrides) -> list[Change]:
    """The changes of a TrainEvalPipelineConfig that make the overrides.

    A new number of steps takes the schedule with it, so that warmup and decay keep their share; a new
    learning rate scales all of the schedule. Another optimizer keeps the schedule, another schedule the rate.
    """
    changed = type(config)()
    changed.CopyFrom(config)
    training, schedule = changed.train_config, active_schedule(changed)
    if overrides.steps is not None:
        if schedule is not None:
            schedule.stretch(training.num_steps, overrides.steps)
        training.num_steps = overrides.steps
    if overrides.batch_size is not None:
        training.batch_size = overrides.batch_size
    if overrides.learning_rate is not None and schedule is not None:
        schedule.scale(overrides.learning_rate)
    _replace_optimizer(changed, overrides)
    return list(_differences(config, changed, ""))


def _replace_optimizer(config: Any, overrides: Overrides) -> None:
    """Puts the optimizer and the schedule that the overrides name into the place of the config's."""
    optimizer = config.train_config.optimizer
    kind = optimizer.WhichOneof("optimizer")
    wanted = _OPTIMIZERS.get(overrides.optimizer, kind)
    if wanted is None:
        return  # the Trainer refuses it
    rate = type(optimizer.adam_optimizer.learning_rate)()
    if kind is not None:
        rate.CopyFrom(getattr(optimizer, kind).learning_rate)
    schedule = active_schedule(config)
    base = getattr(schedule.message, schedule.peak_field.rpartition(".")[2]) if schedule is not None else None
    peak = overrides.learning_rate or base
    if overrides.schedule == "constant" and peak:
        rate.constant_learning_rate.learning_rate = peak
    elif overrides.schedule == "cosine" and peak:
        steps = config.train_config.num_steps
        rate.Clear()
        cosine = rate.cosine_decay_learning_rate
        cosine.learning_rate_base, cosine.total_steps = peak, steps
        cosine.warmup_steps = min(overrides.warmup_steps or 0, steps // 2)
        cosine.warmup_learning_rate = float(f"{peak * WARMUP_START:.6g}")
    if wanted != kind or rate != getattr(optimizer, wanted).learning_rate:
        getattr(optimizer, wanted).learning_rate.CopyFrom(rate)


def _differences(before: Message, after: Message, path: str) -> Iterator[Change]:
    """The scalars that `after` sets to something else. Its repeated blocks are as many as before, or more."""
    for field, value in after.ListFields():
        name, old = f"{path}{field.name}", getattr(before, field.name)
        if field.message_type is None:
            if not field.is_repeated and (value != old or not before.HasField(field.name)):
                yield Change(field=name, value=value)
        elif not field.is_repeated:
            yield from _differences(old, value, f"{name}.")
        elif not field.message_type.GetOptions().map_entry:
            for index, (element, other) in enumerate(zip_longest(old, value)):
                yield from _differences(element or type(other)(), other, f"{name}[{index}].")
