"""A detector as a trigger changes it for one run."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from components.trainer.options import TrainOptions
from detection.errors import BadInput
from pipelines.overrides import Overrides
from pipelines.spec import DetectorSpec


def with_overrides(spec: DetectorSpec, overrides: Overrides) -> DetectorSpec:
    """The detector with what a trigger changed; a shorter training has a shorter warm-up.

    Raises BadInput for a setting that the detector's others don't allow.
    """
    changed: dict[str, Any] = {}
    if overrides.data is not None:
        changed["data"] = spec.data.model_copy(update={"train": (overrides.data,)})
    if overrides.checkpoint is not None:
        changed["model"] = spec.model.model_copy(update={"checkpoint": overrides.checkpoint})
    settings = overrides.model_dump(include={"steps", "learning_rate"}, exclude_none=True)
    if settings:
        train = spec.train.model_dump() | settings
        if train["warmup_steps"] and train["steps"] and train["warmup_steps"] >= train["steps"]:
            train["warmup_steps"] = train["steps"] // 10
        changed["train"] = _train_options(train)
    return spec.model_copy(update=changed)


def _train_options(settings: dict[str, Any]) -> TrainOptions:
    try:
        return TrainOptions.model_validate(settings)
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0]) if problem["loc"] else "train"
        raise BadInput(
            f"{name} can't be {settings.get(name)!r}: {problem['msg']}",
            f"--{name.replace('_', '-')}",
            "give another value, or leave it out",
        ) from None


def changed_settings(written: TrainOptions, used: TrainOptions) -> list[str]:
    """Names of the settings that are others than the YAML's; only these, so that equal runs share a cache."""
    return [name for name in type(used).model_fields if getattr(used, name) != getattr(written, name)]
