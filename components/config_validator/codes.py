"""Codes as people write them: in capitals or not, misspelt, for findings to be allowed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable

from components.config_validator.rules import RULES
from detection.errors import BadInput


def allowed_codes(codes: Iterable[str]) -> frozenset[str]:
    """The codes of rules, in capitals; BadInput for one that no rule has."""
    wanted = frozenset(code.strip().upper() for code in codes)
    known = [rule.code for rule in RULES]
    for code in sorted(wanted.difference(known)):
        raise BadInput(
            f"no rule has the code {code!r}, so it can't be allowed",
            "allow",
            f"give the code of a rule, such as {nearest_codes(code, known)} (docs/rules.md lists them)",
        )
    return wanted


def nearest_codes(code: str, known: Collection[str]) -> str:
    """The known codes that `code` may have meant, in words."""
    parts = re.fullmatch(r"([A-Z]{1,8})\D?0*(\d{1,6})", code.strip().upper())
    meant = f"{parts.group(1)}{int(parts.group(2)):03d}" if parts else ""
    if meant in known:
        return meant
    near = difflib.get_close_matches(code.strip().upper()[:20], known, n=3, cutoff=0.7)
    return " or ".join(near or sorted(known)[:1])
