"""Small broken configs and label maps, each with the one finding that it must give (corpus/corpus.tsv)."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.config_validator.check import Facts, check
from components.config_validator.data_facts import read_data_facts
from components.config_validator.findings import Finding
from components.config_validator.lint import lint
from components.config_validator.rules import RULES
from detection.config.label_map import read_label_map
from detection.config.text_codes import TEXT_CODES
from detection.config.upgrades import UPGRADES

CORPUS = Path(__file__).with_name("corpus")
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
SSD, LABELS = CORPUS / "with/ssd.config", CORPUS / "with/labels.pbtxt"
SOUND = [
    SSD,
    CORPUS / "with/faster_rcnn.config",
    CORPUS / "with/pyramid.config",
    *sorted(CORPUS.glob("with/sound/*")),
]


@dataclass(frozen=True)
class Case:
    """A row of corpus.tsv: the broken file, the finding, the report it follows, and what to lint it with."""

    file: str
    code: str
    severity: str
    line: str  # of the broken file; empty where the finding is about a file as a whole
    report: str
    settings: dict[str, Any]  # label_map, examples, eval, checkpoint, tflite; config for a broken label map

    @property
    def lacks_data(self) -> bool:
        """Whether it needs the shared test data, and this machine has none."""
        paths = [value for value in self.settings.values() if isinstance(value, Path)]
        return not SHARED.is_dir() and any(SHARED in path.parents for path in paths)


def read_cases() -> list[Case]:
    """Every row of the table, its paths resolved: "shared/" begins those in the folder of test data.

    A setting without a value is true.
    """
    cases = []
    with (CORPUS / "corpus.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            pairs = [setting.partition("=") for setting in row.pop("with").split()]
            settings: dict[str, Any] = {
                name: SHARED / value.removeprefix("shared/")
                if value.startswith("shared/")
                else CORPUS / value
                for name, _, value in pairs
                if value
            }
            settings |= {name: True for name, _, value in pairs if not value}
            cases.append(Case(**row, settings=settings))
    return cases


CASES = read_cases()


def findings_of(case: Case) -> list[Finding]:
    """What `upcycle lint` finds."""
    broken, settings = CORPUS / case.file, dict(case.settings)
    if evaluation := settings.pop("eval", None):  # lint reads one data set, ConfigValidator both
        data = read_data_facts(settings["examples"], evaluation)
        facts = Facts(read_label_map(settings["label_map"]), data=data)
        return check(broken.read_text(encoding="utf-8"), broken, facts).findings
    if broken.suffix == ".pbtxt":
        return lint(settings.pop("config", SSD), label_map=broken, **settings).findings
    return lint(broken, **settings).findings


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.file)
def test_a_broken_file_gives_its_one_finding(case: Case) -> None:
    if case.lacks_data:
        pytest.skip(f"no test data in {SHARED}")
    findings = findings_of(case)
    assert [(f.code, f.severity) for f in findings] == [(case.code, case.severity)], "\n".join(
        map(str, findings)
    )
    place, _, line = findings[0].location.removeprefix(str(CORPUS / case.file)).partition(":")
    assert place == "" or not case.line, findings[0].location
    assert line.partition(":")[0] == case.line
    assert findings[0].message and findings[0].reason and findings[0].fix


@pytest.mark.parametrize("path", SOUND, ids=lambda path: path.name)
def test_what_is_sound_has_no_finding(path: Path) -> None:
    if path.suffix == ".pbtxt":
        assert lint(SSD, label_map=path).findings == []
    else:
        assert lint(path, label_map=LABELS).findings == []


def test_every_file_of_the_corpus_is_in_the_table_once() -> None:
    files = [p.relative_to(CORPUS) for p in CORPUS.rglob("*") if p.is_file() and p.name != "corpus.tsv"]
    broken = {str(path) for path in files if path.parts[0] != "with"}
    counts = Counter(case.file for case in CASES)
    assert set(counts.values()) == {1}
    assert broken <= set(counts)
    assert set(counts) - broken == {"text/nowhere.config", "with"}  # a path that leads nowhere, a folder


def test_every_code_has_a_broken_file() -> None:
    codes = {rule.code for rule in RULES} | {known.code for known in (*TEXT_CODES, *UPGRADES)}
    assert codes == {case.code for case in CASES}


def test_every_severity_of_a_rule_has_a_broken_file() -> None:
    declared = {(rule.code, severity) for rule in RULES for severity in rule.severities}
    missing = declared - {(case.code, case.severity) for case in CASES}
    assert missing == {
        ("CFG013", "error"),  # in a run only, when the overrides are known
        ("CFG035", "warning"),  # needs twenty records with one odd id
        ("CFG041", "warning"),  # never alone: CFG015 speaks of the same contradiction
    }


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no test data in {SHARED}")
def test_every_report_about_configs_has_a_broken_file() -> None:
    with (SHARED / "field_reports.tsv").open(encoding="utf-8", newline="") as file:
        reports = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    urls = {report["url"] for report in reports}
    assert {case.report for case in CASES} - {"-"} <= urls
    about_configs = {report["url"] for report in reports if report["kind"] == "2-config"}
    left_out = about_configs - {case.report for case in CASES}
    assert {url.rpartition("/")[2] for url in left_out} == {
        "model_lib_v2.py#L690"
    }  # the trainer saves at the end
