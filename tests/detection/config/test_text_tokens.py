"""Words, lines and columns of protobuf text."""

from __future__ import annotations

import pytest

from detection.config.text_tokens import Places, tokenize


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a_1: -1.5e-3", [("name", "a_1"), ("other", ":"), ("number", "-1.5e-3")]),
        ("s: 'a\\'b' \"c\"", [("name", "s"), ("other", ":"), ("string", "'a\\'b'"), ("string", '"c"')]),
        ("s: 'a\nb", [("name", "s"), ("other", ":"), ("broken", "'a"), ("name", "b")]),
        ("{1}# c: 2\n>", [("other", "{"), ("number", "1"), ("other", "}"), ("other", ">")]),
        ("'# no comment'", [("string", "'# no comment'")]),
    ],
)
def test_tokens(text: str, words: list[tuple[str, str]]) -> None:
    tokens = list(tokenize(text))
    assert [(token.kind, token.text) for token in tokens] == words
    assert all(text[token.start : token.end] == token.text for token in tokens)


def test_places() -> None:
    text = "model {\r\n\tssd { x }\n"
    places = Places(text)
    assert places.of(0) == (1, 1)
    assert places.of(text.index("ssd")) == (2, 2)
    assert places.of(len(text)) == (3, 1)
    assert places.line_text(1) == "model {"
    assert places.indent(text.index("x")) == 8
    assert places.starts_line(text.index("ssd")) and not places.starts_line(text.index("x"))


def test_a_long_line_is_cut_around_the_word() -> None:
    text = "a" * 5000 + "b" + "c" * 5000
    assert "b" in Places(text).around(5000) and len(Places(text).around(5000)) < 500
