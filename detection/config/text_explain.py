"""Why a word can't stand where it stands: an unknown field, a stray character, a brace that is missing."""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from typing import TYPE_CHECKING

from google.protobuf.descriptor import Descriptor

from detection.config.other_versions import OTHER_VERSIONS
from detection.config.text_fault import Reason
from detection.config.text_misplaced import TOP, belongs_elsewhere, place_of, unbalanced
from detection.config.text_tokens import CLOSERS, QUOTES_OF_WORD_PROCESSORS, Token
from detection.config.text_values import curly_quotes, nearest_names, unterminated

if TYPE_CHECKING:
    from detection.config.text_walk import Block, Walk

_TAG = re.compile(
    r"</?[a-z][a-z0-9]*(\s[^<>{}]*)?/?>|<!--|<!DOCTYPE|&(lt|gt|quot|amp|nbsp|#\d+);", re.IGNORECASE
)
_ADDRESS = re.compile(r"[A-Za-z][\w+.-]*://|[A-Za-z]:\\|\\\\\w|^\s*(~|\.{1,2})?/\w")
_QUOTED_OR_COMMENT = re.compile(r"""#.*|"[^"]*"|'[^']*'""")
_MERGE_CONFLICT = re.compile(r"(<{7}|={7}|>{7})( |$)")
_COMMENT_ELSEWHERE = ("//", "/*", "--", "%")


def explain_unknown(walk: Walk, message: Descriptor, token: Token, block: Block | None) -> tuple[Reason, int]:
    """Why `message` has no field of the name `token`, and the offset to name."""
    name, shown = token.text, token.text[:80]
    if reason := pasted(walk.places.around(token.start)):
        return reason, token.start
    before = walk.text[token.start - 1 : token.start]
    if before and before in "\"'":
        fix = f"write \\{before}, or put the text in the other kind of quotes"
        return Reason("TXT017", f"a text ends at a {before} inside it", fix), token.start - 1
    if reason := OTHER_VERSIONS.get((message.name, name)):
        return reason, token.start
    if found := belongs_elsewhere(walk, token, block):
        return found
    what = f"unknown field {shown!r} {place_of(block)}"
    if not re.compile(r"\s*[:{<]").match(walk.text, token.end):
        fix = "take it away if it was pasted, or make it a # comment"
        return Reason("TXT018", f"stray text {shown!r} {place_of(block)}", fix), token.start
    if nearest := nearest_names(name, message.fields_by_name):
        return Reason("TXT001", what, f"did you mean {' or '.join(nearest)}?"), token.start
    if message.name == "StringIntLabelMapItem":
        return Reason("TXT001", what, "an item has id, name and display_name"), token.start
    if paths := _owners(walk.root, name):
        return Reason("TXT001", what, f"it belongs in {' or '.join(paths[:3])}"), token.start
    known = ", ".join(sorted(message.fields_by_name)[:12])
    return Reason("TXT001", what, f"take it away; known there: {known}"), token.start


def explain_stray(walk: Walk, token: Token | None, block: Block | None) -> tuple[Reason, int]:
    """Why `token`, or the end of the text, can't stand where a field or the end of `block` should."""
    if token is None or token.text in CLOSERS:
        return unbalanced(walk, token, block)
    line = walk.places.around(token.start)
    return _explain_character(walk, token, line), token.start


def pasted(line: str) -> Reason | None:
    """What else than a config was pasted into a line, if anything."""
    line = _QUOTED_OR_COMMENT.sub("''", line).strip()
    if _TAG.search(line):
        return Reason(
            "TXT005", f"a piece of a web page: {line[:80]!r}", "take the raw file, not the page around it"
        )
    if _ADDRESS.search(line):
        fix = "put it in straight quotes behind its field's name, or take the line away"
        return Reason("TXT010", f"a path or address without quotes: {line[:80]!r}", fix)
    return None


def _explain_character(walk: Walk, token: Token, line: str) -> Reason:
    first = token.text[0]
    if first in QUOTES_OF_WORD_PROCESSORS:
        return curly_quotes()
    if _MERGE_CONFLICT.match(line):
        return Reason("TXT018", "a merge conflict is left in the text", "settle it: keep one side")
    if reason := pasted(line):
        return reason
    if not first.isprintable() or unicodedata.category(first) == "Cf":
        return Reason("TXT018", f"an invisible character (U+{ord(first):04X})", "take it away")
    if first == "[":
        name = re.compile(r"\[\s*([\w./]{1,200})").match(walk.text, token.start)
        project = f" ({name.group(1)})" if name else ""
        fix = "take this block away; it can't be upcycled"
        return Reason("TXT015", f"an extension of another project{project}", fix)
    if token.kind == "broken":
        return unterminated()
    if token.kind == "string" and re.compile(r"\s*:").match(walk.text, token.end):
        return Reason("TXT018", "names of fields have no quotes", f"write {token.text[1:-1][:80]}:")
    if line.lstrip().startswith(_COMMENT_ELSEWHERE):
        return Reason("TXT018", "a comment starts with #", "write # in front of the comment")
    if first == "{":
        return Reason("TXT018", "a block without a name", "write its name before the {")
    if token.kind == "number" and re.match(r"\d,", walk.text[max(0, token.start - 2) : token.start]):
        number = re.search(r"[\d.,]*,\d[\d.,]*", line)
        what = f"a comma inside a number: {number.group() if number else token.text}"
        return Reason("TXT009", what, "write a decimal point, and no comma between thousands")
    what = f"{token.text[:40]!r} where a field's name should be"
    return Reason("TXT018", what, f"correct this line: {line.strip()[:80]!r}")


def _owners(root: Descriptor, field: str) -> list[str]:
    """The paths of the blocks reachable from `root` that have a field of that name, the shortest first."""
    paths: list[str] = []
    seen: set[str] = set()
    waiting = deque([(root, "")])
    while waiting:
        message, path = waiting.popleft()
        if message.full_name in seen:
            continue
        seen.add(message.full_name)
        if field in message.fields_by_name:
            paths.append(path or TOP)
        for inner in message.fields:
            if inner.message_type is not None:
                waiting.append((inner.message_type, f"{path}.{inner.name}" if path else inner.name))
    return paths
