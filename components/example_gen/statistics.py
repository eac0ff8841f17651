"""Counts what was read, written and set aside, and proves that the totals balance."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pydantic import BaseModel

from components.example_gen.records import RULES, SPLITS, DataOptions, ImageRecord
from detection.errors import BadInput, Failed


class SplitStatistics(BaseModel):
    """One split, as written; `images_by_class` counts the images that show a class at least once."""

    images_read: int = 0
    images_written: int = 0
    images_quarantined: int = 0
    images_without_boxes: int = 0
    boxes_read: int = 0
    boxes_written: int = 0
    boxes_quarantined: int = 0
    boxes_by_class: dict[str, int] = {}
    images_by_class: dict[str, int] = {}
    shards: int = 0


class DataStatistics(BaseModel):
    """statistics.json: the whole data set and each split."""

    images_read: int
    images_written: int
    images_quarantined: int
    boxes_read: int
    boxes_written: int
    boxes_quarantined: int
    findings_by_code: dict[str, int]
    splits: dict[str, SplitStatistics]


def summarise(records: list[ImageRecord], rows: list[dict[str, Any]], names: list[str]) -> DataStatistics:
    """Counts each total where it arises: read at the readers, written at the shards, the rest at the checks.

    Args:
      rows: the lines that beam_pipeline.write_examples reports.
      names: every class of the label map, so that a class without boxes shows as 0.

    Raises:
      Failed: images or boxes read don't equal those written and those set aside.
    """
    splits = {split: SplitStatistics(boxes_by_class=dict.fromkeys(names, 0)) for split in SPLITS}
    codes: Counter[str] = Counter()
    for row in rows:
        split = splits[row["split"]]
        if "shard" in row:
            split.shards += 1
            split.images_written += row["images"]
            split.boxes_written += row["boxes"]
            continue
        codes.update(finding["code"] for finding in row["findings"])
        split.images_read += 1
        split.boxes_read += row["boxes_read"]
        kept = sum(row["labels"].values()) if row["written"] else 0
        split.boxes_quarantined += row["boxes_read"] - kept
        if not row["written"]:
            split.images_quarantined += 1
            continue
        split.images_without_boxes += not row["labels"]
        for label, count in row["labels"].items():
            split.boxes_by_class[label] += count
            split.images_by_class[label] = split.images_by_class.get(label, 0) + 1
    statistics = DataStatistics(
        images_read=len(records),
        images_written=sum(s.images_written for s in splits.values()),
        images_quarantined=sum(s.images_quarantined for s in splits.values()),
        boxes_read=sum(len(record.boxes) for record in records),
        boxes_written=sum(s.boxes_written for s in splits.values()),
        boxes_quarantined=sum(s.boxes_quarantined for s in splits.values()),
        findings_by_code=dict(sorted(codes.items())),
        splits=splits,
    )
    _require_balance(
        "images", statistics.images_read, statistics.images_written, statistics.images_quarantined
    )
    _require_balance("boxes", statistics.boxes_read, statistics.boxes_written, statistics.boxes_quarantined)
    return statistics


def _require_balance(what: str, read: int, written: int, quarantined: int) -> None:
    if read != written + quarantined:
        raise Failed(
            f"the {what} don't balance: {read} read, but {written} written + {quarantined} set aside",
            "ExampleGen",
            "a reader, check or writer loses some; please report it with the data set",
        )


def require_usable(statistics: DataStatistics, rows: list[dict[str, Any]], options: DataOptions) -> None:
    """Raises BadInput for leaking splits, an empty split, or more set aside than `max_quarantined`."""
    _require_no_leak(rows)
    for what, read, quarantined in (
        ("images", statistics.images_read, statistics.images_quarantined),
        ("boxes", statistics.boxes_read, statistics.boxes_quarantined),
    ):
        if read and quarantined / read > options.max_quarantined:
            raise BadInput(
                f"{quarantined} of {read} {what} can't be used ({quarantined / read:.1%}, "
                f"allowed are {options.max_quarantined:.1%}):\n{_top_reasons(rows)}",
                str(options.train),
                "correct the annotations above, or raise data.max_quarantined",
            )
    for split, counts in statistics.splits.items():
        if not counts.boxes_written:
            raise BadInput(
                f"the {split} split has no usable box ({counts.images_written} images)",
                str(options.eval if split == "eval" and options.eval else options.train),
                "add annotated images, or name data.eval" if split == "eval" else "add annotated images",
            )


def _require_no_leak(rows: list[dict[str, Any]]) -> None:
    seen: dict[str, dict[str, str]] = {}
    for row in rows:
        if row.get("sha256"):
            seen.setdefault(row["sha256"], {}).setdefault(row["split"], row["name"])
    both = [names for names in seen.values() if len(names) == 2]
    if both:
        listed = "\n".join(f"    train {n['train']} = eval {n['eval']}" for n in both[:10])
        more = f"\n    and {len(both) - 10} more" if len(both) > 10 else ""
        raise BadInput(
            f"DATA011 {RULES['DATA011']}: {len(both)} images, so the evaluation would be worth nothing\n"
            f"{listed}{more}",
            "data.train and data.eval",
            "take them out of one of the two",
        )


def _top_reasons(rows: list[dict[str, Any]]) -> str:
    by_code: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        for finding in row.get("findings", ()):
            if finding["action"] == "quarantined":
                by_code.setdefault(finding["code"], []).append(finding)
    lines = []
    for code, found in sorted(by_code.items(), key=lambda item: -len(item[1]))[:5]:
        first = found[0]
        place = f", {first['object']}" if first["object"] else ""
        lines.append(
            f"    {code} {RULES[code]}: {len(found)}, e.g. {first['file']}{place}: {first['detail']}"
        )
    return "\n".join(lines)
