from __future__ import annotations

from components.example_gen.records import Finding
from components.example_gen.rules import RULES


def test_codes_run_on_and_each_says_something_of_its_own():
    assert list(RULES) == [f"DATA{number:03d}" for number in range(1, len(RULES) + 1)]
    assert len(set(RULES.values())) == len(RULES)
    assert all(text == text.strip() and not text.endswith(".") for text in RULES.values())


def test_the_row_of_a_finding_has_its_rule_in_words():
    row = Finding("a.jpg", None, "DATA018", "quarantined", "0.4x9 pixels").row()
    assert row["rule"] == "a box smaller than a pixel" and row["object"] is None
