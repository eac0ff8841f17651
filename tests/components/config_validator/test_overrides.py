"""Overrides as the pipeline hands them over."""

from __future__ import annotations

import pytest

from components.config_validator.overrides import Overrides, parse_overrides
from detection.errors import BadInput


def test_parsing_overrides() -> None:
    assert parse_overrides("") == Overrides()
    assert parse_overrides('{"steps": 5, "learning_rate": null}') == Overrides(steps=5)


@pytest.mark.parametrize(
    "text", ['{"step": 5}', '{"steps": 0}', '{"learning_rate": -1}', "[", "[1]", '{"steps": "x"}']
)
def test_wrong_overrides_are_bad_input(text: str) -> None:
    with pytest.raises(BadInput, match="overrides are wrong"):
        parse_overrides(text)
