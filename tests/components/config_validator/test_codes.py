"""Codes are taken as people write them."""

from __future__ import annotations

import pytest

from components.config_validator.codes import allowed_codes, nearest_codes
from detection.errors import BadInput


def test_codes_of_rules_in_any_case() -> None:
    assert allowed_codes([" cfg012", "CFG001", "CFG001"]) == {"CFG001", "CFG012"}
    assert allowed_codes([]) == frozenset()


@pytest.mark.parametrize("code", ["CFG999", "TXT001", "", "x" * 1_000_000])
def test_only_rules_can_be_allowed(code: str) -> None:
    with pytest.raises(BadInput, match="so it can't be allowed") as caught:
        allowed_codes(["CFG001", code])
    assert "such as CFG0" in caught.value.fix


@pytest.mark.parametrize(
    ("code", "meant"), [("CFG1", "CFG001"), ("cfg-12", "CFG012"), ("CGF001", "CFG001"), ("?", "CFG001")]
)
def test_the_nearest_code(code: str, meant: str) -> None:
    assert nearest_codes(code, ["CFG001", "CFG012", "TXT007"]) == meant
