"""What a rule says about a pipeline.config."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]
Scalar = bool | int | float | str


@dataclass(frozen=True)
class Change:
    """One field to set, or to take out (`value` None).

    `field` is a dotted path of the proto. Along a repeated block it means every element, with an index
    ("eval_input_reader[1].label_map_path", from 0) that one. An enum's value is its name.
    """

    field: str
    value: Scalar | None = None


@dataclass(frozen=True)
class Finding:
    """One thing to know about a config: what, where, why it matters, and the fix.

    `code` is stable ("CFG001"), `location` is "file:line". A `safe` finding is fixed by `changes`, which
    alter nothing that a person would have to decide. An `allowed` one is left as it is, on somebody's word.
    """

    code: str
    severity: Severity
    message: str
    location: str
    reason: str
    fix: str
    safe: bool = False
    changes: tuple[Change, ...] = ()
    allowed: bool = False

    @property
    def is_fixed(self) -> bool:
        """Whether the resolved config no longer has it."""
        return self.safe and not self.allowed

    @property
    def blocks(self) -> bool:
        """Whether there can be no run with it."""
        return self.severity == "error" and not self.safe and not self.allowed

    def __str__(self) -> str:
        note = " (safe: applied in the resolved config)" if self.safe else ""
        note = " (allowed)" if self.allowed else note
        return (
            f"{self.code} {self.severity}: {self.message}\n"
            f"  where:  {self.location}\n  reason: {self.reason}\n  fix:    {self.fix}{note}"
        )


def unfixed_errors(findings: Iterable[Finding]) -> list[Finding]:
    """The errors that neither a safe fix nor permission takes away: with one of these there can be no run."""
    return [finding for finding in findings if finding.blocks]


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Errors first, then warnings; each in order of codes."""
    order = ("error", "warning", "info")
    return sorted(findings, key=lambda finding: (order.index(finding.severity), finding.code))
