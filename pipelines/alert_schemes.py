"""Which schemes an address in `alerts.to` can have; apprise itself is in Airflow's environment only."""

from __future__ import annotations

import difflib
import re
from functools import cache
from pathlib import Path

# apprise takes the page address of some services' web hooks too, and only it can tell which
_ANY_PAGE = frozenset({"http", "https"})
_SCHEME = re.compile(r"([A-Za-z][\w+.-]*)://")


def unknown_scheme(address: str) -> str | None:
    """What is wrong with the scheme of an address, and the nearest one; None if nothing is.

    An address whose beginning is a variable, or which has no scheme, has nothing to check.
    """
    found = _SCHEME.match(address)
    if found is None or found[1].lower() in _schemes() | _ANY_PAGE:
        return None
    near = difflib.get_close_matches(found[1].lower(), sorted(_schemes()), n=1)
    hint = f"did you mean {near[0]}://?" if near else "https://github.com/caronc/apprise/wiki has all of them"
    return f"apprise knows no scheme {found[1]}://; {hint}"


@cache
def _schemes() -> frozenset[str]:
    """As `python -m dags.alert_schemes` wrote them."""
    return frozenset(Path(__file__).with_suffix(".txt").read_text(encoding="ascii").split())
