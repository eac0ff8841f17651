"""Whether what was read may train a detector: no leak between splits, enough left, some in each split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from components.example_gen.records import DataOptions, Finding
from components.example_gen.rules import RULES
from components.example_gen.statistics import DataStatistics
from detection.errors import BadInput

Rows = Iterable[Mapping[str, Any]]
MOST_LISTED = 10
TOP_REASONS = 5


def find_leaks(rows: Rows, options: DataOptions) -> list[tuple[str, Finding]]:
    """The pictures that are written to two splits: (split, finding DATA011) for each and each pair of splits.

    Where the content decides the split there can't be any. `rows` is read twice; what is held in memory
    grows with the splits other than train only.

    Args:
      rows: the rows of the images (Outcome.row); others don't matter.
    """
    if not (options.eval or options.test):
        return []
    order = {split: place for place, split in enumerate(options.splits)}
    first: dict[bytes, dict[str, str]] = {}  # content -> split -> the first name by sort
    for row in rows:
        if row.get("written") and row["split"] != "train":
            names = first.setdefault(bytes.fromhex(row["sha256"]), {})
            names[row["split"]] = min(row["name"], names.get(row["split"], row["name"]))
    for row in rows:
        if row.get("written") and row["split"] == "train":
            found = first.get(bytes.fromhex(row["sha256"]))
            if found is not None:
                found["train"] = min(row["name"], found.get("train", row["name"]))
    leaks = []
    for names in first.values():
        known, *others = sorted(names, key=order.__getitem__)
        for split in others:
            detail = f"{known} {names[known]} = {split} {names[split]}"
            leaks.append((split, Finding(names[split], None, "DATA011", "kept", detail)))
    return sorted(leaks, key=lambda leak: (leak[0], leak[1].file))


def require_usable(
    statistics: DataStatistics, rows: Rows, options: DataOptions, leaks: list[tuple[str, Finding]]
) -> None:
    """Lets pass what a detector can be trained with; `rows` (Outcome.row, any others) is read once.

    Raises:
      BadInput: splits that share pictures (unless `allow_leak`), more images or boxes set aside by a fault
        than `max_quarantined`, or a split without a usable box.
    """
    if leaks and not options.allow_leak:
        raise _leaking(leaks)
    reasons = _Reasons(rows)
    for what, read, set_aside in (
        ("images", statistics.images_read, statistics.images_quarantined - reasons.images_left_out),
        ("boxes", statistics.boxes_read, statistics.boxes_quarantined - reasons.boxes_left_out),
    ):
        if read and set_aside / read > options.max_quarantined:
            raise BadInput(
                f"{set_aside} of {read} {what} can't be used ({set_aside / read:.1%}, "
                f"allowed are {options.max_quarantined:.1%}):\n{reasons.top()}",
                options.place("train"),
                "correct the annotations above, or raise data.max_quarantined",
            )
    for split, counts in statistics.splits.items():
        if not counts.boxes_written:
            raise BadInput(
                f"the {split} split has no usable box ({counts.images_written} images)",
                options.place(split),
                "add annotated images" if split == "train" else f"add annotated images, or name data.{split}",
            )


class _Reasons:
    """Why images and boxes were set aside: counts, and the first of each code as an example."""

    def __init__(self, rows: Rows) -> None:
        self.counts: Counter[str] = Counter()
        self.first: dict[str, Mapping[str, Any]] = {}
        self.images_left_out = self.boxes_left_out = 0
        for row in rows:
            for finding in row.get("findings", ()):
                if finding["action"] == "left out":
                    self.images_left_out += finding["object"] is None
                    self.boxes_left_out += finding["object"] is not None
                elif finding["action"] == "quarantined":
                    self.counts[finding["code"]] += 1
                    self.first.setdefault(finding["code"], finding)

    def top(self) -> str:
        """A line for each of the most frequent codes."""
        lines = []
        for code, count in sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:TOP_REASONS]:
            first = self.first[code]
            place = f", {first['object']}" if first["object"] else ""
            lines.append(f"    {code} {RULES[code]}: {count}, e.g. {first['file']}{place}: {first['detail']}")
        return "\n".join(lines)


def _leaking(leaks: list[tuple[str, Finding]]) -> BadInput:
    listed = "\n".join(f"    {finding.detail}" for _, finding in leaks[:MOST_LISTED])
    more = f"\n    and {len(leaks) - MOST_LISTED} more" if len(leaks) > MOST_LISTED else ""
    return BadInput(
        f"DATA011 {RULES['DATA011']}: {len(leaks)} images, so the evaluation would be worth nothing\n"
        f"{listed}{more}",
        "data.train, data.eval and data.test",
        "take them out of one of the splits, or set data.allow_leak if that is meant",
    )
