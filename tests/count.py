"""Adds up pytest's JUnit files into one closing line; fails when a file is missing or ran no test."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree


def main(paths: list[str]) -> int:
    """Print 'N passed, N failed, N skipped' and return 1 if a suite failed or ran nothing."""
    passed = failed = skipped = 0
    complete = True
    for path in paths:
        if not Path(path).is_file():
            complete = False
            continue
        suite_tests = 0
        for suite in ElementTree.parse(path).getroot().iter("testsuite"):
            tests = int(suite.get("tests", 0))
            bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            suite_skipped = int(suite.get("skipped", 0))
            suite_tests += tests - suite_skipped
            passed += tests - bad - suite_skipped
            failed += bad
            skipped += suite_skipped
        complete = complete and suite_tests > 0
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if complete and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
