"""What the sections of a detector's YAML have in common. Both environments import this: pydantic alone."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Section(BaseModel):
    """Settings of which none is unknown and none changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _as_paths(value: object) -> object:
    """One path as a list of one; Path as text, so that an address (gs://) keeps its two slashes."""
    several = value if isinstance(value, list | tuple) else [value]
    return tuple(str(path) if isinstance(path, PurePath) else path for path in several)


Paths = Annotated[tuple[str, ...], BeforeValidator(_as_paths)]
