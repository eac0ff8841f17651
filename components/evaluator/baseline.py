"""The models that a new one is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.evaluator.options import EvaluateOptions, GateOptions
from detection.config.label_map import LabelMap, LabelMapItem, read_label_map
from detection.errors import BadInput


@dataclass(frozen=True)
class Reference:
    """A model with its classes. `num_classes` counts where `label_map` is None.

    `place` is where it lies, of which `saved_model` may be a copy.
    """

    title: str
    saved_model: Path
    label_map: LabelMap | None
    num_classes: int | None = None
    place: str = ""

    @property
    def where(self) -> str:
        """Where it lies, for people."""
        return self.place or str(self.saved_model)


def converted_tf1_model(converted: Path, label_map: Path | None, num_classes: int) -> Reference:
    """The converted TF1 model, with its label map if there is one."""
    return Reference(
        title="converted TF1 model",
        saved_model=converted / "saved_model",
        label_map=read_label_map(label_map) if label_map else None,
        num_classes=num_classes,
    )


def published_version(directory: Path, place: str = "") -> Reference:
    """A published version, or a copy of the one at `place`; raises BadInput if it is not there."""
    if not (directory / "saved_model.pb").is_file():
        raise BadInput(
            "the published version to compare with is not there",
            str(directory),
            "plan the run again: it then compares with the version that is live now",
        )
    return Reference(
        title=f"version {directory.name}",
        saved_model=directory,
        label_map=read_label_map(directory / "label_map.pbtxt"),
        place=place,
    )


def kept_classes(data: LabelMap, tf1: LabelMap | None) -> list[tuple[LabelMapItem, int]]:
    """The TF1 model's classes that the data still has, each with the data's id."""
    found = [(item, data.id_of_class(item)) for item in (tf1.items if tf1 else ())]
    return [(item, data_id) for item, data_id in found if data_id is not None]


def require_old_classes(
    kept: Sequence[tuple[LabelMapItem, int]], options: EvaluateOptions, gate: GateOptions
) -> None:
    """Raise BadInput where old classes are asked about, and `kept_classes` found none."""
    asked = {"evaluate.old_eval": options.old_eval, "gate.old_classes_drop": gate.old_classes_drop}
    where = [name for name, value in asked.items() if value is not None]
    if where and not kept:
        raise BadInput(
            "there are no old classes to measure: the data has none of the TF1 model's classes",
            ", ".join(where),
            "give their names in model.label_map and data.label_map alike, or leave this out",
        )
