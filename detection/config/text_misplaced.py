"""Braces that are missing or too many, and fields that stand in another block than their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detection.config.text_braces import Imbalance, find_imbalance
from detection.config.text_fault import Reason
from detection.config.text_tokens import CLOSERS, Token

if TYPE_CHECKING:
    from detection.config.text_walk import Block, Walk

TOP = "the top level"


def unbalanced(walk: Walk, token: Token | None, block: Block | None) -> tuple[Reason, int]:
    """A closing brace with no block to close, or a block that the text ends in."""
    if token is not None and block is not None:  # } for <, or the other way round
        what = f"{block.name} ends with {token.text} but starts with {walk.text[block.opener]}"
        return Reason("TXT007", what, "use { and } for every block"), token.start
    imbalance = find_imbalance(walk.tokens, walk.places)
    if imbalance is not None:
        return _reason_of(walk, imbalance)
    start = token.start if token is not None else walk.tokens[-1].start  # a [ or ] hides it from counting
    return Reason("TXT007", "braces are not balanced", "close every { with one }"), start


def no_opener(walk: Walk, name: str) -> Reason:
    """Why a block that starts with a field is wrong: the { is missing, or all of the block."""
    imbalance = find_imbalance(walk.tokens, walk.places)
    code = "TXT007" if imbalance is not None and not imbalance.missing else "TXT008"
    return Reason(code, f"{name} is a block, and has no {{", f"write {name} {{ ... }}")


def belongs_elsewhere(walk: Walk, token: Token, block: Block | None) -> tuple[Reason, int] | None:
    """A field of a block around this one, or of one that ended before: a brace is missing or too many."""
    outer = block
    while outer is not None and token.text not in outer.outer.fields_by_name:
        outer = outer.parent
    inner = None if outer is not None else _closed_before(walk, token, block)
    if outer is None and inner is None:
        return None
    home = _home(outer.parent if outer is not None else inner)
    imbalance = find_imbalance(walk.tokens, walk.places)
    if imbalance is not None and imbalance.missing == (outer is not None):
        reason, offset = _reason_of(walk, _seen_from(walk, imbalance, token, block))
        line = walk.places.of(token.start)[0]
        what = f"{reason.what}: {token.text!r} on line {line} belongs {home}"
        return reason._replace(what=what), offset
    if outer is not None and block is not None:
        opened = walk.places.of(block.start)[0]
        fix = f"close {block.name} (opened on line {opened}) before it, or move it there"
    else:
        assert inner is not None
        fix = f"move it into {inner.name}, which ends on line {walk.places.of(inner.end - 1)[0]}"
    what = f"unknown field {token.text!r} {place_of(block)}: it belongs {home}"
    return Reason("TXT001", what, fix), token.start


def place_of(block: Block | None) -> str:
    """Words for a block, or for the top level."""
    return f"at {TOP}" if block is None else f"in {block.name}"


def _reason_of(walk: Walk, imbalance: Imbalance) -> tuple[Reason, int]:
    brace = imbalance.brace
    if not imbalance.missing:
        return Reason("TXT007", "a } too many", "take this } away, or open its block"), brace.start
    index = walk.tokens.index(brace)
    name = next((token for token in reversed(walk.tokens[:index]) if token.text != ":"), brace)
    line = walk.places.of(imbalance.noticed)[0]
    where = "at the end" if imbalance.noticed >= walk.tokens[-1].end else f"before line {line}"
    return Reason("TXT007", f"{name.text} is opened here and never closed", f"add its }} {where}"), name.start


def _seen_from(walk: Walk, imbalance: Imbalance, token: Token, block: Block | None) -> Imbalance:
    """The imbalance as it must have begun, if `token` is the first field that shows it."""
    if imbalance.missing and block is not None:
        if imbalance.noticed < token.start:
            return imbalance
        opener = next(brace for brace in walk.tokens if brace.start == block.opener)
        return Imbalance(True, opener, token.start)
    if imbalance.brace.start < token.start:
        return imbalance
    closer = next(t for t in reversed(walk.tokens) if t.start < token.start and t.text in CLOSERS)
    return Imbalance(False, closer, token.start)


def _closed_before(walk: Walk, token: Token, block: Block | None) -> Block | None:
    """The block that ended just before in `block`, or one that ended with it, if `token` is a field of it."""
    last = _last_inside(walk, block)
    while last is not None and token.text not in last.message.fields_by_name:
        last = _last_inside(walk, last)
    return last


def _last_inside(walk: Walk, block: Block | None) -> Block | None:
    return next((inner for inner in reversed(walk.blocks) if inner.parent is block), None)


def _home(block: Block | None) -> str:
    names: list[str] = []
    while block is not None:
        names.insert(0, block.name)
        block = block.parent
    return f"in {'.'.join(names)}" if names else f"at {TOP}"
