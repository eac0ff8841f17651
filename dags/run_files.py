"""What the nodes of a run wrote, as Airflow reads it: plain JSON, without the ML environment."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LEFT_OUT, QUARANTINED = "left out", "quarantined"
_REASONS = 5


@dataclass(frozen=True)
class Verdict:
    """What the gate decided, with a sentence for each rule, those that refuse first."""

    blessed: bool
    sentences: list[str]


@dataclass(frozen=True)
class BadData:
    """How much of the images or boxes, whichever is more, was set aside, and the most frequent reasons."""

    part: float
    what: str
    reasons: list[str]


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file; {} if there is none, or it can't be read."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def output(result: Mapping[str, Any] | None, key: str) -> Path | None:
    """The folder of one of a node's outputs, as its result names it."""
    folder = ((result or {}).get("outputs") or {}).get(key)
    return Path(folder) if folder else None


def properties(result: Mapping[str, Any] | None, key: str) -> dict[str, Any]:
    """What a node's result says of one of its outputs."""
    return ((result or {}).get("properties") or {}).get(key) or {}


def verdict(evaluator: Mapping[str, Any] | None) -> Verdict | None:
    """The gate's verdict from the Evaluator's result, or None if there is none to be read."""
    folder = output(evaluator, "evaluation")
    found = read_json(folder / "metrics.json").get("verdict") if folder else None
    if not isinstance(found, dict) or "blessed" not in found:
        return None
    rules = sorted(found.get("rules", []), key=lambda rule: rule["passed"])
    return Verdict(bool(found["blessed"]), [str(rule["sentence"]) for rule in rules])


def bad_data(example_gen: Mapping[str, Any] | None) -> BadData | None:
    """What ExampleGen set aside for a fault, from its result; None if its report can't be read."""
    folder = output(example_gen, "quarantine")
    statistics = read_json(folder / "statistics.json") if folder else {}
    if folder is None or "images_read" not in statistics:
        return None
    left_out = {"images": 0, "boxes": 0}
    codes: Counter[str] = Counter()
    first: dict[str, dict[str, Any]] = {}
    for finding in _findings(folder / "quarantine.jsonl"):
        if finding.get("action") == LEFT_OUT:
            left_out["boxes" if finding.get("object") else "images"] += 1
        elif finding.get("action") == QUARANTINED:
            codes[finding["code"]] += 1
            first.setdefault(finding["code"], finding)
    parts = {
        what: (statistics[f"{what}_quarantined"] - left_out[what], statistics[f"{what}_read"])
        for what in left_out
    }
    what, (bad, read) = max(parts.items(), key=lambda item: item[1][0] / max(item[1][1], 1))
    return BadData(
        part=bad / max(read, 1),
        what=f"{bad} of {read} {what}",
        reasons=[_reason(count, first[code]) for code, count in codes.most_common(_REASONS)],
    )


def last_good_run(plans: Path) -> tuple[datetime, str] | None:
    """When the last run among a detector's plans ended well, and its id; None if none did.

    A run's last task writes summary.json into its plan's folder, for a refused model too.
    """
    ended = {file: file.stat().st_mtime for file in plans.glob("[!.]*/summary.json")}
    if not ended:
        return None
    newest = max(ended, key=lambda file: ended[file])
    when = datetime.fromtimestamp(ended[newest], UTC)
    return when, str(read_json(newest).get("run_id") or newest.parent.name)


def _findings(path: Path) -> Any:
    try:
        with path.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)
    except (OSError, ValueError):
        return


def _reason(count: int, finding: Mapping[str, Any]) -> str:
    place = f", {finding['object']}" if finding.get("object") else ""
    return f"{finding['code']} {finding['rule']}: {count}, e.g. {finding['file']}{place}: {finding['detail']}"
