"""The engine: rules asked, safe fixes made until none is left, findings allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.config_validator.check import Facts, check
from components.config_validator.overrides import Overrides
from detection.config.label_map import LabelMap
from detection.config.pipeline_config import parse_pipeline_config
from detection.config.text_fault import TextFault
from detection.errors import BadInput

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "detectors/demo/pipeline.config"
GIVEN = Path("given.config")
BACKBONE = "    feature_extractor {\n"
OLD_BACKBONE = f"{BACKBONE}      batch_norm_trainable: true\n"


def demo(**replaced: str) -> str:
    """The demo's text with parts of it replaced."""
    text = DEMO.read_text()
    for before, after in replaced.items():
        assert before in text
        text = text.replace(before, after, 1)
    return text


def test_a_sound_config_is_left_as_it_is(label_map: LabelMap) -> None:
    text = demo()
    checked = check(text, GIVEN, Facts(label_map))
    assert (checked.findings, checked.text, checked.diff) == ([], text, "")
    assert checked.config == parse_pipeline_config(text, "p")


def test_fixes_upgrades_and_overrides_are_in_text_config_and_diff(label_map: LabelMap) -> None:
    text = demo(**{"num_classes: 4": "num_classes: 90  # COCO", BACKBONE: OLD_BACKBONE})
    checked = check(text, GIVEN, Facts(label_map), Overrides(batch_size=5))
    codes = [(finding.code, finding.is_fixed) for finding in checked.findings]
    assert codes == [("CFG001", True), ("OLD001", True)]
    assert "num_classes: 4  # COCO" in checked.text and "batch_norm_trainable" not in checked.text
    assert checked.config.train_config.batch_size == 5
    assert checked.config == parse_pipeline_config(checked.text, "p")
    headers = [line.partition(" @@ ")[2] for line in checked.diff.splitlines() if line.startswith("@@")]
    assert headers == ["CFG001", "OLD001", "override"]
    again = check(checked.text, GIVEN, Facts(label_map))
    assert (again.findings, again.diff) == ([], "")


def test_lines_are_those_of_the_file_as_given(label_map: LabelMap) -> None:
    text = demo(**{BACKBONE: OLD_BACKBONE, "train_config {": "train_config {\n  sync_replicas: true"})
    checked = check(text, GIVEN, Facts(label_map))
    lines = {
        finding.code: int(finding.location.removeprefix("given.config:")) for finding in checked.findings
    }
    assert set(lines) == {"CFG018", "OLD001"}
    assert "sync_replicas" in text.splitlines()[lines["CFG018"] - 1]
    assert "batch_norm_trainable" in text.splitlines()[lines["OLD001"] - 1]


def test_what_is_allowed_is_marked_and_not_fixed(label_map: LabelMap) -> None:
    text = demo(**{"num_classes: 4": "num_classes: 90"})
    checked = check(text, GIVEN, Facts(label_map), allow=["cfg001"])
    (finding,) = checked.findings
    assert (finding.code, finding.severity, finding.allowed) == ("CFG001", "error", True)
    assert not finding.is_fixed and not finding.blocks
    assert (checked.text, checked.diff) == (text, "")


def test_only_codes_of_rules_can_be_allowed(label_map: LabelMap) -> None:
    with pytest.raises(BadInput, match="no rule has the code 'CFG999'"):
        check(demo(), GIVEN, Facts(label_map), allow=["CFG999"])


def test_text_that_does_not_parse_is_a_fault() -> None:
    with pytest.raises(TextFault) as caught:
        check("model { ssd { num_classes: } }", GIVEN, Facts())
    assert caught.value.code == "TXT008"


def test_after_overrides_nothing_is_set_any_more(label_map: LabelMap) -> None:
    text = demo(**{"num_steps: 400": ""})
    (said,) = [f for f in check(text, GIVEN, Facts(label_map)).findings if f.code == "CFG013"]
    assert said.severity == "warning"
    (refused,) = [f for f in check(text, GIVEN, Facts(label_map), Overrides()).findings if f.code == "CFG013"]
    assert refused.severity == "error"
    assert check(text, GIVEN, Facts(label_map), Overrides(steps=400)).findings == []
