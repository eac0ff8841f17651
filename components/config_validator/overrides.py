"""What a detector's YAML or a trigger overrides in pipeline.config."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.config_validator.learning_rate import active_schedule
from detection.errors import BadInput


class Overrides(BaseModel):
    """None keeps what the config says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int | None = Field(default=None, ge=1)
    batch_size: int | None = Field(default=None, ge=1)
    learning_rate: float | None = Field(default=None, gt=0, allow_inf_nan=False)


def parse_overrides(text: str) -> Overrides:
    """Overrides from JSON (empty: none); BadInput names each wrong field."""
    try:
        return Overrides.model_validate_json(text or "{}")
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'JSON'}: {e['msg']}" for e in error.errors())
        raise BadInput(
            f"the overrides are wrong: {faults}",
            f"overrides {text!r}",
            "give steps and batch_size as whole numbers from 1, learning_rate as a number above 0",
        ) from error


def apply_overrides(config: Any, overrides: Overrides) -> Any:
    """A copy of the config with the overrides made.

    A new number of steps takes the schedule with it, so that warmup and decay keep their share; a new
    learning rate scales all of the schedule.
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
    return changed
