"""Where braces stop being balanced. Indentation tells what counting can't: which block was meant to end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from detection.config.text_tokens import CLOSERS, OPENERS, Places, Token


class Imbalance(NamedTuple):
    """`brace` is the opening one that is never closed (`missing`), or the closing one that is too many.

    `noticed` is the offset of the first closing brace that shows it, or the end of the text.
    """

    missing: bool
    brace: Token
    noticed: int


def find_imbalance(tokens: Sequence[Token], places: Places) -> Imbalance | None:
    """The place where the braces of a whole text stop being balanced; None if they are balanced."""
    open_blocks: list[Token] = []
    indents: Counter[int] = Counter()  # of the open blocks
    unclosed: Imbalance | None = None  # the first block that ends too far left
    surplus: Imbalance | None = None  # the first brace too far right to end its block
    for token in tokens:
        if token.kind != "other":
            continue
        if token.text in OPENERS:
            open_blocks.append(token)
            indents[places.indent(token.start)] += 1
        elif token.text in CLOSERS:
            if not open_blocks:
                return surplus or Imbalance(False, token, token.start)
            opener = open_blocks.pop()
            expected = places.indent(opener.start)
            indents[expected] -= 1
            if places.starts_line(token.start):
                indent = places.indent(token.start)
                if indent < expected and indents[indent] > 0:
                    unclosed = unclosed or Imbalance(True, opener, token.start)
                elif indent > expected:
                    surplus = surplus or Imbalance(False, token, token.start)
    if not open_blocks:
        return None
    return unclosed or Imbalance(True, open_blocks[-1], tokens[-1].end)
