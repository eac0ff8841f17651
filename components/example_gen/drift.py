"""How far a span's data moved from the span before: warnings, or a stop, beyond the YAML's thresholds."""

from __future__ import annotations

from pydantic import ValidationError

from components.example_gen.file_systems import read_bytes
from components.example_gen.outputs import join
from components.example_gen.records import DriftOptions
from components.example_gen.statistics import DataStatistics, DriftFinding
from detection.errors import BadInput, Failed

_SHOWN = 10
# Beyond these multiples of the spread of two random samples, less than one move in a hundred is chance.
_CHANCE_OF_SHARE = 2.58
_CHANCE_OF_DISTRIBUTION = 1.63


def compare(before: DataStatistics, now: DataStatistics, options: DriftOptions) -> list[DriftFinding]:
    """What moved beyond the thresholds, the largest move first; a threshold of None isn't looked at.

    A class's share moves by the difference of the two shares; a new class or one that is gone moves by its
    share. Sizes move by Kolmogorov and Smirnov's distance of the histograms. A move that is likely to be
    chance, since the split has so few boxes, isn't told; nor is a split without a box in either span.
    """
    found: list[DriftFinding] = []
    for split, current in now.splits.items():
        past = before.splits.get(split)
        if past is None or not past.boxes_written or not current.boxes_written:
            continue
        samples = 1 / past.boxes_written + 1 / current.boxes_written
        if options.class_frequency is not None:
            for label in sorted({*past.boxes_by_class, *current.boxes_by_class}):
                count, count_now = past.boxes_by_class.get(label, 0), current.boxes_by_class.get(label, 0)
                was, is_now = count / past.boxes_written, count_now / current.boxes_written
                of_both = (count + count_now) / (past.boxes_written + current.boxes_written)
                chance = _CHANCE_OF_SHARE * (of_both * (1 - of_both) * samples) ** 0.5
                if (moved := abs(is_now - was)) > max(options.class_frequency, chance):
                    found.append(
                        DriftFinding(
                            split=split,
                            what="class_frequency",
                            label=label,
                            before=was,
                            now=is_now,
                            moved=moved,
                            allowed=options.class_frequency,
                        )
                    )
        if options.box_size is not None:
            moved = past.box_sizes.distance(current.box_sizes)
            if moved > max(options.box_size, _CHANCE_OF_DISTRIBUTION * samples**0.5):
                found.append(
                    DriftFinding(split=split, what="box_size", moved=moved, allowed=options.box_size)
                )
    return sorted(found, key=lambda finding: -finding.moved)


def read_statistics(quarantine: str) -> DataStatistics:
    """statistics.json of an earlier run, from its quarantine folder. Raises Failed if it can't be read."""
    path = join(quarantine, "statistics.json")
    try:
        return DataStatistics.model_validate_json(read_bytes(path))
    except (OSError, ValidationError) as error:
        raise Failed(
            "the statistics of the span before can't be read",
            path,
            "run that span again, or take data.drift out",
        ) from error


def require_no_drift(findings: list[DriftFinding], options: DriftOptions, place: str) -> None:
    """Raises BadInput where the YAML wants a stop; `place` is where the data come from."""
    if findings and options.action == "stop":
        listed = "\n".join(f"    {finding.text()}" for finding in findings[:_SHOWN])
        more = f"\n    and {len(findings) - _SHOWN} more" if len(findings) > _SHOWN else ""
        raise BadInput(
            f"the data moved from the span before:\n{listed}{more}",
            place,
            "look at the new data; raise data.drift's thresholds, or set data.drift.action to warn",
        )
