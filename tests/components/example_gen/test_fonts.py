from __future__ import annotations

import pytest

from components.example_gen.fonts import dejavu_sans


@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize("letter", ["ü", "ø", "ž", "ж", "λ", "ع"])
def test_has_letters_that_are_not_ascii(letter, bold):
    font = dejavu_sans(20, bold)
    drawn, missing = font.getmask(letter), font.getmask("\uffff")
    assert drawn.getbbox() and (drawn.size, bytes(drawn)) != (missing.size, bytes(missing))


def test_is_made_once():
    assert dejavu_sans(10) is dejavu_sans(10)
    assert dejavu_sans(10).size == 10
