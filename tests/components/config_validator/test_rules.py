"""The rules as a whole."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.config_validator.findings import Finding, unfixed_errors
from components.config_validator.lint import lint
from components.config_validator.rules import RULES
from detection.config.label_map import LabelMap

FindingsOf = Callable[..., list[Finding]]

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "components/config_validator"
SHARED = ROOT.parent / "shared/data"
LABELS = ROOT / "detectors/demo/label_map.pbtxt"


def test_codes_are_unique_and_in_form() -> None:
    codes = [rule.code for rule in RULES]
    assert codes == sorted(set(codes))
    assert all(re.fullmatch(r"CFG\d{3}", code) for code in codes)


def test_every_module_of_rules_is_asked() -> None:
    modules = {rule.check.__module__.rpartition(".")[2] for rule in RULES}
    assert modules == {path.stem for path in PACKAGE.glob("rules_*.py")}


@pytest.mark.parametrize("rule", RULES, ids=[rule.code for rule in RULES])
def test_every_rule_is_documented(rule: Any) -> None:
    assert rule.title and rule.example.strip() and rule.fix
    assert rule.check.__doc__
    order = ("error", "warning", "info")
    assert rule.severities == tuple(sorted(set(rule.severities), key=order.index))


def test_errors_come_first_and_print_with_all_parts(
    config: Any, label_map: LabelMap, findings_of: FindingsOf
) -> None:
    text = "train_config { sync_replicas: true batch_size: 512 } model { ssd { num_classes: 9 } }"
    findings = findings_of(config, text, label_map=label_map)
    order = [("error", "warning", "info").index(finding.severity) for finding in findings]
    assert order == sorted(order) and order[0] == 0 and order[-1] == 2
    assert unfixed_errors(findings) == []
    lines = str(findings[0]).splitlines()
    assert lines[0] == "CFG001 error: num_classes is 9, but the highest id of the label map is 4"
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["where", "reason", "fix"]
    assert lines[-1].endswith(" (safe: applied in the resolved config)")


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no configs in {SHARED}")
@pytest.mark.parametrize("labels", [None, LABELS], ids=["alone", "with a label map"])
def test_fixing_settles_what_it_fixes_and_fixing_again_changes_nothing(
    labels: Path | None, tmp_path: Path
) -> None:
    severities = {rule.code: rule for rule in RULES}
    once, twice = tmp_path / "once.config", tmp_path / "twice.config"
    fixed = 0
    for path in sorted(SHARED.rglob("*.config")):
        result = lint(path, labels, fix_out=once)
        if result.unreadable:
            continue
        again = lint(once, labels, fix_out=twice)
        assert again.diff == "" and once.read_bytes() == twice.read_bytes(), path
        assert not any(finding.safe for finding in again.findings), path
        assert {f.code for f in again.errors} == {f.code for f in result.errors}, path
        for hunk in (line for line in result.diff.splitlines() if line.startswith("@@")):
            assert re.search(r"@@ [A-Z]{3}\d{3}", hunk), (path, hunk)
        lines = path.read_bytes().count(b"\n") + 1
        for finding in result.findings:
            assert 1 <= int(finding.location.rpartition(":")[2]) <= lines, (path, finding)
            if rule := severities.get(finding.code):
                assert finding.severity in rule.severities and finding.safe <= rule.safe, (path, finding)
        fixed += bool(result.diff)
    assert fixed > 100
