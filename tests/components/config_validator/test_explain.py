"""Every code says what it means."""

from __future__ import annotations

import pytest

from components.config_validator.explain import explain, explanations
from components.config_validator.rules import RULES
from detection.config.text_codes import TEXT_CODES
from detection.config.upgrades import UPGRADES
from detection.errors import BadInput


def test_every_code_has_every_part() -> None:
    found = explanations()
    assert {code[:3] for code in found} == {"CFG", "TXT", "MAP", "OLD", "INP"}
    assert len(found) == len(RULES) + len(TEXT_CODES) + len(UPGRADES) + 2
    for explanation in found.values():
        assert explanation.title and explanation.why and explanation.fix
        assert explanation.example or explanation.title == "an empty file", explanation.code
        assert explanation.severities


def test_a_code_in_words() -> None:
    lines = str(explain(" cfg001 ")).splitlines()
    assert lines[0] == "CFG001: num_classes against the label map (error)"
    assert any(line.startswith("    ") for line in lines)
    assert lines[-1] == "  (applied by --fix where nothing is left to decide)"
    assert str(explain("TXT007")).endswith("(yours to make)")


def test_an_unknown_code_names_the_nearest() -> None:
    with pytest.raises(BadInput, match="there is no code 'CFG01'") as caught:
        explain("CFG01")
    assert "CFG001" in caught.value.fix
    with pytest.raises(BadInput, match="DATA003 is a code of data") as caught:
        explain("data003")
    assert "docs/data.md" in caught.value.fix
