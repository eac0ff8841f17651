"""How each old field of the Object Detection API is written in the version that runs here."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from detection.config.text_edit import Edit, insertion, removal, replacement
from detection.config.text_tokens import CLOSERS
from detection.config.text_tree import Entry, Value


class OldField(NamedTuple):
    """An old field in `text`: its entry, and the blocks around it, the innermost last."""

    text: str
    entry: Entry
    blocks: tuple[Value, ...]

    @property
    def value(self) -> str:
        """The text of its value; "" where it has none."""
        return _text_of(self.text, self.entry)


class Carried(NamedTuple):
    """What becomes of an old field: the edits, the new text ("" for none) and why it means the same."""

    edits: tuple[Edit, ...]
    new: str
    reason: str


def _batch_norm_trainable(old: OldField) -> Carried | None:
    if old.value not in ("true", "false") or len(old.blocks) < 2:
        return None
    ssd = old.blocks[-2]
    freeze = "true" if old.value == "false" else "false"
    given = _field_in(ssd, "freeze_batchnorm")
    if given is not None:
        same = _text_of(old.text, given) == freeze
        return _taken_out(old, "freeze_batchnorm, its successor, says the same") if same else None
    if freeze == "false":
        return _taken_out(
            old, "batch norm learns by default; later versions say freeze_batchnorm where it must not"
        )
    return _moved(
        old, ssd, "freeze_batchnorm", freeze, "later versions call its opposite so, in the ssd block"
    )


def _first_stage_only(old: OldField) -> Carried | None:
    if old.value not in ("true", "false") or _field_in(old.blocks[-1], "number_of_stages"):
        return None
    return _renamed(
        old, "number_of_stages", "1" if old.value == "true" else "2", "later versions count the stages"
    )


def _expected_loss(old: OldField) -> Carried | None:
    if old.value == "false":
        return _taken_out(old, "false is the default of its successor, loss.expected_loss_weights")
    return _into_loss(old, "expected_loss_weights", "EXPECTED_SAMPLING") if old.value == "true" else None


def _negatives(old: OldField) -> Carried | None:
    is_ratio = old.entry.name == "desired_negative_sampling_ratio"
    return _into_loss(old, old.entry.name if is_ratio else "min_num_negative_samples", old.value)


def _regression_by_score(old: OldField) -> Carried | None:
    return (
        _taken_out(old, "later versions never weight boxes by their score") if old.value == "false" else None
    )


def _whole_pixels(old: OldField) -> Carried | None:
    if not re.fullmatch(r"\d+\.0*", old.value):
        return None
    return _renamed(old, old.entry.name, old.value.split(".")[0], "later versions take whole pixels")


def _startup_delay(old: OldField) -> Carried | None:
    if not re.fullmatch(r"\d+\.?\d*", old.value) or _field_in(old.blocks[-1], "startup_delay_steps"):
        return None
    return _renamed(old, "startup_delay_steps", old.value, "this is the field's name")


def _hardswish(old: OldField) -> Carried | None:
    return _taken_out(old, "this version always computes what false says") if old.value == "false" else None


def _taken_out(old: OldField, reason: str) -> Carried:
    return Carried((removal(old.text, old.entry),), "", reason)


def _renamed(old: OldField, name: str, value: str, reason: str) -> Carried:
    whole = Value(old.entry.start, old.entry.values[0].end)
    new = f"{name}: {value}"
    return Carried((replacement(whole, new),), new, reason)


def _moved(old: OldField, block: Value, name: str, value: str, reason: str) -> Carried:
    edits = [removal(old.text, old.entry)]
    if old.text[block.end - 1] in CLOSERS:  # else the text is refused, for the brace and not for this field
        edits.append(insertion(old.text, block, [name], value))
    return Carried(tuple(edits), f"{name}: {value}", reason)


def _into_loss(old: OldField, name: str, value: str) -> Carried | None:
    loss = _field_in(old.blocks[-1], "loss")
    if loss is None or not loss.values or _field_in(loss.values[0], name) or not value:
        return None
    return _moved(old, loss.values[0], name, value, "later versions have it in the loss block")


def _field_in(block: Value, name: str) -> Entry | None:
    return next((entry for entry in block.entries or () if entry.name == name), None)


def _text_of(text: str, entry: Entry) -> str:
    return text[entry.values[0].start : entry.values[0].end] if entry.values else ""


# (message, field) -> code, and what becomes of it: None if it can't be understood (other_versions says why)
OLD_FIELDS: dict[tuple[str, str], tuple[str, Callable[[OldField], Carried | None]]] = {
    ("SsdFeatureExtractor", "batch_norm_trainable"): ("OLD001", _batch_norm_trainable),
    ("FasterRcnn", "first_stage_only"): ("OLD002", _first_stage_only),
    ("Ssd", "use_expected_classification_loss_under_sampling"): ("OLD003", _expected_loss),
    ("Ssd", "min_num_negative_samples"): ("OLD004", _negatives),
    ("Ssd", "minimum_negative_sampling"): ("OLD004", _negatives),
    ("Ssd", "desired_negative_sampling_ratio"): ("OLD004", _negatives),
    ("Ssd", "weight_regression_loss_by_score"): ("OLD005", _regression_by_score),
    ("RandomResizeMethod", "target_height"): ("OLD006", _whole_pixels),
    ("RandomResizeMethod", "target_width"): ("OLD006", _whole_pixels),
    ("SsdFeatureExtractor", "use_hardswish"): ("OLD008", _hardswish),
    ("TrainConfig", "startup_delay"): ("OLD007", _startup_delay),
}
