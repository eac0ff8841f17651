"""What the rules look at, and the form in which they answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from components.config_validator.findings import Change, Severity
from detection.config.label_map import LabelMap


@dataclass(frozen=True)
class Subject:
    """A config and everything that is known about what it will be used with; None is unknown."""

    config: Any
    label_map: LabelMap | None = None
    label_map_path: str = "label map"
    checkpoint_num_classes: int | None = None
    num_examples_by_class: Mapping[str, int] | None = None
    examples_path: str = "examples"

    @property
    def kind(self) -> str:
        """The meta-architecture: "ssd", "faster_rcnn", ..."""
        return str(self.config.model.WhichOneof("model"))

    @property
    def detector(self) -> Any:
        """The message of the meta-architecture."""
        return getattr(self.config.model, self.kind)

    @property
    def ssd(self) -> Any | None:
        """The Ssd message, if this is one."""
        return self.config.model.ssd if self.kind == "ssd" else None

    @property
    def num_classes(self) -> int | None:
        """num_classes of the meta-architecture, where it has such a field."""
        return getattr(self.detector, "num_classes", None)


@dataclass(frozen=True)
class Problem:
    """A rule's answer. `field` is the dotted path of the proto; `place` overrides it for other files."""

    severity: Severity
    message: str
    field: str
    reason: str
    fix: str
    changes: tuple[Change, ...] = ()
    place: str = ""


Check = Callable[[Subject], Iterator[Problem]]


@dataclass(frozen=True)
class Rule:
    """A check and the stable code that reports, tests and docs name it by."""

    code: str
    title: str
    check: Check = field(repr=False)
