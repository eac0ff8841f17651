"""What there is to say about each code, for `upcycle lint --explain` and docs/rules.md."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from components.config_validator.codes import nearest_codes
from components.config_validator.findings import Severity
from components.config_validator.rules import RULES
from components.config_validator.subject import Rule
from detection.config.text_codes import TEXT_CODES
from detection.config.text_fault import TextCode
from detection.config.upgrades import UPGRADES
from detection.errors import BadInput

EXAMPLES_FAULT = "INP001"
CHECKPOINT_FAULT = "INP002"
_INPUT_CODES = (
    TextCode(
        EXAMPLES_FAULT,
        "the examples can't be read",
        "Nothing of the config could be compared with them.",
        "upcycle lint pipeline.config --examples empty/",
        "name a data set that ExampleGen reads (docs/data.md)",
    ),
    TextCode(
        CHECKPOINT_FAULT,
        "the checkpoint can't be read",
        "Nothing of the config could be compared with it.",
        "upcycle lint pipeline.config --checkpoint model.ckpt.data-00000-of-00001",
        "name a checkpoint's prefix or folder, a frozen graph or a SavedModel (docs/conversion.md)",
    ),
)


@dataclass(frozen=True)
class Explanation:
    """One code. `severities` are those that a finding of it can have, worst first."""

    code: str
    title: str
    severities: tuple[Severity, ...]
    why: str
    example: str
    fix: str
    safe: bool

    def __str__(self) -> str:
        lines = "".join(f"    {line}\n" for line in self.example.strip("\n").splitlines())
        example = f"  for example:\n{lines}\n" if lines else ""
        applied = "applied by --fix where nothing is left to decide" if self.safe else "yours to make"
        return (
            f"{self.code}: {self.title} ({', '.join(self.severities)})\n\n{self.why}\n\n"
            f"{example}  fix: {self.fix}\n  ({applied})"
        )


def explain(code: str) -> Explanation:
    """What there is to say about a code; BadInput names the nearest if there is no such code."""
    wanted = code.strip().upper()
    known = explanations()
    if wanted not in known:
        if wanted.startswith("DATA"):
            raise BadInput(f"{wanted} is a code of data", "--explain", "see docs/data.md, section Checks")
        near = nearest_codes(wanted, known)
        raise BadInput(
            f"there is no code {code!r}", "--explain", f"take {near}; docs/rules.md lists all codes"
        )
    return known[wanted]


@cache
def explanations() -> dict[str, Explanation]:
    """Every code: those of the rules, of text that can't be read, of upgrades, and of other inputs."""
    entries = [
        *(_of_rule(rule) for rule in RULES),
        *(_of_text(entry, "error", safe=False) for entry in (*TEXT_CODES, *_INPUT_CODES)),
        *(_of_text(entry, "info", safe=True) for entry in UPGRADES),
    ]
    return {entry.code: entry for entry in entries}


def _of_rule(rule: Rule) -> Explanation:
    return Explanation(
        code=rule.code,
        title=rule.title,
        severities=rule.severities,
        why=" ".join((rule.check.__doc__ or "").split()),
        example=rule.example,
        fix=rule.fix,
        safe=rule.safe,
    )


def _of_text(entry: TextCode, severity: Severity, safe: bool) -> Explanation:
    return Explanation(
        code=entry.code,
        title=entry.title,
        severities=(severity,),
        why=entry.why,
        example=entry.example,
        fix=entry.fix,
        safe=safe,
    )
