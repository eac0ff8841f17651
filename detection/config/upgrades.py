"""Fields of older versions of the Object Detection API, carried over to the version that runs here.

The text is edited in place: comments, order and layout of everything else stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from google.protobuf.descriptor import Descriptor

from detection.config.old_fields import OLD_FIELDS, OldField
from detection.config.text_edit import Edit, apart, apply_edits
from detection.config.text_fault import TextCode
from detection.config.text_tree import Entry, Value, parse_tree

_ANY_NAME = re.compile(r"\b(" + "|".join(sorted({field for _, field in OLD_FIELDS})) + r")\b")


@dataclass(frozen=True)
class Upgrade:
    """An edit of an old field on `line` (from 1): its text before, and after ("" where it is taken out)."""

    line: int
    old: str
    new: str
    reason: str
    code: str


class Upgraded(NamedTuple):
    """A text with its old fields carried over. In `in_lines` everything else is on the line it was on."""

    text: str
    in_lines: str
    upgrades: tuple[Upgrade, ...]


def upgrade(text: str, root: Descriptor) -> Upgraded:
    """Carries over the old fields that can be understood; `text` may be wrong otherwise, and stays so."""
    edits: list[Edit] = []
    upgrades: list[Upgrade] = []
    for message, old in _old_fields(text, root):
        code, carry = OLD_FIELDS[message, old.entry.name]
        carried = carry(old)
        if carried is not None:
            edits += carried.edits
            line = text.count("\n", 0, old.entry.start) + 1
            before = text[old.entry.start : old.entry.values[0].end]
            upgrades.append(Upgrade(line, before, carried.new, carried.reason, code))
    edits = apart(edits)
    in_lines = [_in_lines(text, edit) for edit in edits]
    upgrades.sort(key=lambda upgrade: upgrade.line)
    return Upgraded(apply_edits(text, edits), apply_edits(text, in_lines), tuple(upgrades))


def _in_lines(text: str, edit: Edit) -> Edit:
    """The same edit, with as many lines after it as before."""
    lines = text.count("\n", edit.start, edit.end)
    return Edit(edit.start, edit.end, edit.new.replace("\n", " ") + "\n" * lines)


def _old_fields(text: str, root: Descriptor) -> Iterator[tuple[str, OldField]]:
    """The fields of `OLD_FIELDS` in `text`, each with the name of its message."""
    if not _ANY_NAME.search(text):
        return
    try:
        entries = parse_tree(text)
    except RecursionError:  # no config at all: the parser refuses it
        return
    waiting: list[tuple[tuple[Entry, ...], Descriptor, tuple[Value, ...]]] = [(entries, root, ())]
    while waiting:
        entries, message, blocks = waiting.pop()
        for entry in entries:
            if (message.name, entry.name) in OLD_FIELDS and entry.values:
                yield message.name, OldField(text, entry, blocks)
            field = message.fields_by_name.get(entry.name)
            if field is not None and field.message_type is not None:
                for value in entry.values:
                    waiting.append((value.entries or (), field.message_type, (*blocks, value)))


UPGRADES: tuple[TextCode, ...] = (
    TextCode(
        "OLD001",
        "batch_norm_trainable of an SSD feature extractor",
        "Until spring 2018 the feature extractor said whether batch norm learns; since then "
        "ssd.freeze_batchnorm says whether it must not. Many configs of the model zoo still have "
        "the old field.",
        "feature_extractor { batch_norm_trainable: true }",
        "true is taken out, false becomes freeze_batchnorm: true in the ssd block",
    ),
    TextCode(
        "OLD002",
        "first_stage_only",
        "The first version (2017) had a switch where later ones count the stages.",
        "faster_rcnn { first_stage_only: false }",
        "true becomes number_of_stages: 1, false number_of_stages: 2",
    ),
    TextCode(
        "OLD003",
        "use_expected_classification_loss_under_sampling",
        "In 2018 the ssd block chose the weights of the classification loss; later the loss block does.",
        "ssd { use_expected_classification_loss_under_sampling: true }",
        "true becomes expected_loss_weights: EXPECTED_SAMPLING in the loss block, false is taken out",
    ),
    TextCode(
        "OLD004",
        "sampling of negatives outside the loss block",
        "min_num_negative_samples (once minimum_negative_sampling) and "
        "desired_negative_sampling_ratio moved from the ssd block into its loss block.",
        "ssd { desired_negative_sampling_ratio: 3 }",
        "the field moves into the loss block",
    ),
    TextCode(
        "OLD005",
        "weight_regression_loss_by_score",
        "The option (2018) was given up; false is what later versions do.",
        "ssd { weight_regression_loss_by_score: false }",
        "false is taken out; true is refused (TXT016)",
    ),
    TextCode(
        "OLD006",
        "sizes of random_resize_method with a decimal point",
        "Versions before 2019 took the sizes as decimal numbers, later ones take whole pixels.",
        "random_resize_method { target_height: 300.0 }",
        "300.0 becomes 300; a size that isn't whole is refused (TXT009)",
    ),
    TextCode(
        "OLD007",
        "startup_delay",
        "The field is called startup_delay_steps.",
        "train_config { startup_delay: 15 }",
        "it gets its name",
    ),
    TextCode(
        "OLD008",
        "use_hardswish",
        "The version after the one that runs here can compute EfficientNet with another activation.",
        "feature_extractor { use_hardswish: false }",
        "false is taken out; true is refused (TXT016)",
    ),
)
