"""What a finding says of itself."""

from __future__ import annotations

from dataclasses import replace

from components.config_validator.findings import Finding, by_severity, unfixed_errors

FINDING = Finding("CFG005", "error", "it is wrong", "p.config:3", "because", "do this")


def test_its_text_has_all_parts() -> None:
    text = "CFG005 error: it is wrong\n  where:  p.config:3\n  reason: because\n  fix:    do this"
    assert str(FINDING) == text
    assert str(replace(FINDING, safe=True)) == f"{text} (safe: applied in the resolved config)"
    assert str(replace(FINDING, safe=True, allowed=True)) == f"{text} (allowed)"


def test_what_stops_a_run() -> None:
    others = [
        replace(FINDING, safe=True),
        replace(FINDING, allowed=True),
        replace(FINDING, severity="warning"),
    ]
    assert unfixed_errors([*others, FINDING]) == [FINDING]
    assert [finding.is_fixed for finding in others] == [True, False, False]
    assert not replace(FINDING, safe=True, allowed=True).is_fixed


def test_errors_come_first() -> None:
    severities = ("info", "warning", "error")
    findings = [replace(FINDING, severity=s, code=code) for code in ("CFG002", "CFG001") for s in severities]
    assert [(f.severity, f.code) for f in by_severity(findings)] == [
        (severity, code) for severity in reversed(severities) for code in ("CFG001", "CFG002")
    ]
