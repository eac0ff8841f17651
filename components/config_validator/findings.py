"""What a rule says about a pipeline.config."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

Severity = Literal["error", "warning", "info"]


class Change(BaseModel):
    """One field to set; `field` is a dotted path of the proto. `value` None clears the field."""

    model_config = ConfigDict(frozen=True)

    field: str
    value: int | float | str | None = None


class Finding(BaseModel):
    """One thing to know about a config: what, where, why it matters, and the fix.

    `code` is stable ("CFG001"), `location` is "file:line". A `safe` finding is fixed by `changes`, which
    alter nothing that a person would have to decide.
    """

    model_config = ConfigDict(frozen=True)

    code: str
    severity: Severity
    message: str
    location: str
    reason: str
    fix: str
    safe: bool = False
    changes: tuple[Change, ...] = ()

    def __str__(self) -> str:
        safe = " (safe: applied in the resolved config)" if self.safe else ""
        return (
            f"{self.code} {self.severity}: {self.message}\n"
            f"  where:  {self.location}\n  reason: {self.reason}\n  fix:    {self.fix}{safe}"
        )


def unfixed_errors(findings: Iterable[Finding]) -> list[Finding]:
    """The errors that no safe fix takes away: with one of these there can be no run."""
    return [f for f in findings if f.severity == "error" and not f.safe]
