"""What a detector's YAML or a trigger overrides in pipeline.config."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationError

from components.settings import Section
from detection.errors import BadInput


class Overrides(Section):
    """None, or "config", keeps what the config says. They mean what they mean to the Trainer."""

    steps: int | None = Field(default=None, ge=1)
    batch_size: int | None = Field(default=None, ge=1)
    learning_rate: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    warmup_steps: int | None = Field(default=None, ge=0)
    optimizer: Literal["config", "momentum", "adam", "adamw", "rmsprop"] = "config"
    schedule: Literal["config", "constant", "cosine"] = "config"


def parse_overrides(text: str) -> Overrides:
    """Overrides from JSON (empty: none); BadInput names each wrong field."""
    try:
        return Overrides.model_validate_json(text or "{}")
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'JSON'}: {e['msg']}" for e in error.errors())
        raise BadInput(
            f"the overrides are wrong: {faults}",
            f"overrides {text!r}",
            "give the fields of `train` in a detector's YAML (docs/detectors.md)",
        ) from error
