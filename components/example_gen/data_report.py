"""report.md: what a data set holds, in words, for whoever has to decide about it."""

from __future__ import annotations

from collections.abc import Sequence

from components.example_gen.contact_sheet import Sheet
from components.example_gen.histograms import Histogram
from components.example_gen.outputs import join, write_bytes
from components.example_gen.records import DataOptions
from components.example_gen.rules import RULES
from components.example_gen.statistics import DataStatistics

# Below so many boxes of a class in a split, a metric of that class says little.
FEW_BOXES = 10


def write_report(
    statistics: DataStatistics, sheets: Sequence[Sheet], options: DataOptions, quarantine: str
) -> None:
    """Writes report.md into the quarantine's folder."""
    parts = [
        ["# The data", *_totals(statistics)],
        ["## Classes by split", *_classes(statistics)],
        ["## Sizes", *_sizes(statistics)],
        ["## Findings", *_findings(statistics)],
    ]
    if options.drift is not None:
        moved = [f"- {finding.text()}" for finding in statistics.drift]
        parts.append(["## Drift from the span before", *(moved or ["Nothing moved beyond the thresholds."])])
    parts.append(["## Pictures", *(f"![{sheet.about}]({sheet.file})" for sheet in sheets)])
    text = "\n\n".join("\n".join([part[0], "", *part[1:]]) for part in parts) + "\n"
    write_bytes(join(quarantine, "report.md"), text.encode())


def _totals(statistics: DataStatistics) -> list[str]:
    lines = [
        f"{statistics.images_read} images read = {statistics.images_written} written + "
        f"{statistics.images_quarantined} set aside; {statistics.boxes_read} boxes read = "
        f"{statistics.boxes_written} written + {statistics.boxes_quarantined} set aside.",
        "",
        "| split | images | without boxes | boxes | shards |",
        "|---|---|---|---|---|",
    ]
    for split, counts in statistics.splits.items():
        lines.append(
            f"| {split} | {counts.images_written} | {counts.images_without_boxes} | {counts.boxes_written} | "
            f"{counts.shards} |"
        )
    return lines


def _classes(statistics: DataStatistics) -> list[str]:
    """Each class's boxes in each split, and its share of the split's; a class that is thin is named."""
    splits = statistics.splits
    lines = [f"| class | {' | '.join(splits)} |", "|---" * (len(splits) + 1) + "|"]
    thin = []
    for label in sorted({label for counts in splits.values() for label in counts.boxes_by_class}):
        cells = []
        for split, counts in splits.items():
            boxes = counts.boxes_by_class.get(label, 0)
            cells.append(f"{boxes} ({boxes / max(1, counts.boxes_written):.1%})")
            if boxes < FEW_BOXES:
                thin.append(f"- {label} has {boxes or 'no'} {'box' if boxes == 1 else 'boxes'} in {split}")
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return [*lines, *(["", *thin] if thin else [])]


def _sizes(statistics: DataStatistics) -> list[str]:
    about = {
        "box_sizes": "boxes by size (square root of the share of the image)",
        "box_aspects": "boxes by width / height",
        "objects_per_image": "images by number of objects",
        "image_widths": "images by width (pixels)",
        "image_heights": "images by height (pixels)",
    }
    lines = []
    for field, heading in about.items():
        of_splits: list[Histogram] = [getattr(counts, field) for counts in statistics.splits.values()]
        lines += [f"| {heading} | {' | '.join(statistics.splits)} |", "|---" * (len(of_splits) + 1) + "|"]
        for index, edge in enumerate(of_splits[0].lower_edges):
            counts = [histogram.counts[index] for histogram in of_splits]
            if any(counts):
                lines.append(f"| from {edge:g} | {' | '.join(map(str, counts))} |")
        lines.append("")
    return lines[:-1]


def _findings(statistics: DataStatistics) -> list[str]:
    if not statistics.findings_by_code:
        return ["None."]
    rows = [f"| {code} | {RULES[code]} | {n} |" for code, n in statistics.findings_by_code.items()]
    return ["Each is a line of quarantine.jsonl.", "", "| code | rule | number |", "|---|---|---|", *rows]
