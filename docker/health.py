#!/usr/bin/env python3
"""`upcycle-health URL`: exit code 0 if URL answers, and no part that it reports on is unhealthy; else 1.

Airflow's report names its parts: {"scheduler": {"status": "healthy", ...}, ...}. A part without a status is
one that isn't used. Anything but JSON counts as healthy: TensorBoard answers with a page.
"""

from __future__ import annotations

import json
import sys
import urllib.request

TIMEOUT_SECONDS = 8


def problem(url: str) -> str | None:
    """What is wrong with the service at `url`, or None."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
            body = answer.read()
    except (OSError, ValueError) as error:  # refused, timed out, an HTTP error, no URL
        return f"{url}: {error}"
    try:
        report = json.loads(body)
    except ValueError:
        return None
    parts = report.items() if isinstance(report, dict) else ()
    statuses = {name: part.get("status") for name, part in parts if isinstance(part, dict)}
    sick = [name for name, status in statuses.items() if status not in (None, "healthy")]
    return f"{url}: unhealthy: {', '.join(sick)}" if sick else None


def main(arguments: list[str]) -> int:
    """Says what is wrong and returns the exit code."""
    if len(arguments) != 1:
        print("usage: upcycle-health URL", file=sys.stderr)
        return 1
    found = problem(arguments[0])
    print(found or "healthy")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
