"""The closing line counts what the JUnit files say."""

from __future__ import annotations

from pathlib import Path

from tests.count import Count, count

SUITE = '<testsuite tests="{}" failures="{}" errors="{}" skipped="{}"/>'


def test_an_error_is_a_failure(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(f"<testsuites>{SUITE.format(9, 1, 2, 3)}{SUITE.format(4, 0, 0, 1)}</testsuites>")
    assert count(report) == Count(passed=6, failed=3, skipped=4)


def test_a_report_that_is_not_there_or_not_whole_counts_nothing(tmp_path: Path) -> None:
    assert count(tmp_path / "none.xml") is None
    cut = tmp_path / "cut.xml"
    cut.write_text("<testsuites>" + SUITE.format(9, 0, 0, 0))
    assert count(cut) is None


def test_counts_add_up() -> None:
    assert str(sum([Count(5, 0, 1), Count(2, 1, 0)], Count())) == "7 passed, 1 failed, 1 skipped"
