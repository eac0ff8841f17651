from __future__ import annotations

import pytest

from detection.errors import BadInput, first_line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\ntwo"), "one"),
        (ValueError(), "ValueError"),
        (ValueError(""), "ValueError"),
        (BadInput("what", "where", "fix"), "what"),
    ],
)
def test_the_first_line_of_an_error(error: Exception, line: str) -> None:
    assert first_line(error) == line
