"""Walks through protobuf text along its schema: where each field stands, and the first thing that is wrong.

protobuf's own parser decides whether a text is right; this walk says why not, and where to edit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from detection.config.text_explain import explain_stray, explain_unknown, pasted
from detection.config.text_fault import Reason, TextFault, fault_at
from detection.config.text_misplaced import no_opener
from detection.config.text_tokens import CLOSERS, OPENERS, Places, Token, tokenize
from detection.config.text_values import check_value


@dataclass(eq=False)
class Block:
    """A block in the text: `start` is the first letter of its name, `end` is behind its closing brace.

    `message` is what its fields are of, `outer` what it is a field of itself.
    """

    name: str
    outer: Descriptor
    message: Descriptor
    parent: Block | None
    start: int
    opener: int
    end: int = -1


class Walk:
    """One walk through one text: `blocks` are those that were entered, `fault` is the first fault or None."""

    def __init__(self, text: str, root: Descriptor, source: str, kind: str) -> None:
        """Walks at once."""
        self.text, self.root, self.source, self.kind = text, root, source, kind
        self.tokens = list(tokenize(text))
        self.places = Places(text)
        self.blocks: list[Block] = []
        self.fault: TextFault | None = None
        self._at = 0
        try:
            self._fields(root, None)
        except TextFault as fault:
            self.fault = fault

    def _stop(self, reason: Reason, offset: int) -> NoReturn:
        raise fault_at(reason, offset, self.places, self.source, self.kind)

    def _peek(self, ahead: int = 0) -> Token | None:
        place = self._at + ahead
        return self.tokens[place] if place < len(self.tokens) else None

    def _fields(self, message: Descriptor, block: Block | None) -> None:
        """The fields up to the end of `block`, whose closing brace is left for the caller."""
        given: dict[str, str] = {}  # a field or a choice among fields, and the field that was given
        while (token := self._peek()) is not None:
            if token.text in CLOSERS:
                if block is None:
                    self._stop(*explain_stray(self, token, None))
                return
            self._field(message, block, given)
            if (separator := self._peek()) is not None and separator.text in (",", ";"):
                self._at += 1
        if block is not None:
            self._stop(*explain_stray(self, None, block))

    def _field(self, message: Descriptor, block: Block | None, given: dict[str, str]) -> None:
        name = self.tokens[self._at]
        if name.kind != "name":
            self._stop(*explain_stray(self, name, block))
        field = message.fields_by_name.get(name.text)
        if field is None:
            self._stop(*explain_unknown(self, message, name, block))
        self._refuse_second(field, given, name, block)
        self._at += 1
        colon = self._take(":")
        if self._take("["):
            self._list(field, name, block, colon)
        elif field.message_type is not None:
            self._block(field, name, block)
        else:
            if not colon:
                self._stop(_no_colon(field, self._peek(), self._peek(1)), name.end)
            self._value(field, name)

    def _list(self, field: FieldDescriptor, name: Token, block: Block | None, colon: bool) -> None:
        bracket = self.tokens[self._at - 1]
        if not field.is_repeated:
            what = f"{field.name} takes one value, not a list"
            self._stop(Reason("TXT009", what, "take the [ ] away"), bracket.start)
        if not colon and field.message_type is None:
            self._stop(_no_colon(field, bracket, self._peek()), bracket.start)
        while not self._take("]"):
            if field.message_type is not None:
                self._block(field, name, block)
            else:
                self._value(field, name)
            token = self._peek()
            if not self._take(",") and (token is None or token.text != "]"):
                self._stop(Reason("TXT018", "a list is not closed", "close it with ]"), bracket.start)

    def _block(self, field: FieldDescriptor, name: Token, parent: Block | None) -> None:
        opener = self._peek()
        fix = f"write {field.name} {{ ... }}"
        if opener is None or opener.text in CLOSERS:
            self._stop(Reason("TXT008", f"{field.name} has no block", fix), name.start)
        if opener.text not in OPENERS:
            if self._starts_field(field, name):
                self._stop(no_opener(self, field.name), name.start)
            self._stop(Reason("TXT009", f"{field.name} is a block, not a value", fix), opener.start)
        self._at += 1
        block = Block(field.name, field.containing_type, field.message_type, parent, name.start, opener.start)
        self.blocks.append(block)
        self._fields(field.message_type, block)
        closer = self.tokens[self._at]
        if closer.text != OPENERS[opener.text]:
            self._stop(*explain_stray(self, closer, block))
        self._at += 1
        block.end = closer.end

    def _value(self, field: FieldDescriptor, name: Token) -> None:
        token = self._peek()
        if token is None or token.text in (*CLOSERS, ",", ";") or self._starts_field(field, name):
            what = f"{field.name} has no value"
            self._stop(Reason("TXT008", what, f"write a value after {field.name}:"), name.start)
        if token.text in OPENERS:
            self._stop(pasted(self.places.around(token.start)) or _not_a_block(field), token.start)
        rest = self.text[token.start : token.start + 200].partition("\n")[0]
        if reason := check_value(field, token, rest):
            self._stop(reason, token.start)
        self._at += 1
        while token.kind == "string" and (more := self._peek()) is not None and more.kind == "string":
            self._at += 1  # adjacent texts are one

    def _refuse_second(
        self, field: FieldDescriptor, given: dict[str, str], name: Token, block: Block | None
    ) -> None:
        if field.is_repeated:
            return
        choice = field.containing_oneof
        for key in (field.name, f"oneof {choice.name}" if choice else ""):
            if key and key in given:
                where = "one " + (block.name if block is not None else self.kind)
                if given[key] == field.name:
                    what = f"{field.name!r} is given twice in {where}"
                    if block is not None and block.parent is None and self.kind == "label map":
                        what += "; each class has an item of its own"
                else:
                    what = f"{field.name!r} can't stand beside {given[key]!r}: only one of them counts"
                fix = "keep one of them, or close the block before with }"
                self._stop(Reason("TXT003", what, fix), name.start)
            if key:
                given[key] = field.name

    def _starts_field(self, field: FieldDescriptor, name: Token) -> bool:
        """Whether the next word is another field's name, and not the value of `field`."""
        token, after = self._peek(), self._peek(1)
        if token is None or token.kind != "name" or after is None or after.text not in (":", *OPENERS):
            return False
        known = token.text in field.containing_type.fields_by_name
        return known or "\n" in self.text[name.start : token.start]

    def _take(self, text: str) -> bool:
        token = self._peek()
        if token is None or token.text != text:
            return False
        self._at += 1
        return True


def _not_a_block(field: FieldDescriptor) -> Reason:
    return Reason("TXT009", f"{field.name} takes a value, not a block", f"write {field.name}: value")


def _no_colon(field: FieldDescriptor, token: Token | None, after: Token | None) -> Reason:
    if token is not None and token.text in OPENERS:
        return _not_a_block(field)
    if token is None or token.text in CLOSERS:
        return Reason("TXT008", f"{field.name} has no value", f"write {field.name}: value")
    value = token.text
    if token.text in ("=", "\uff1a", "-"):  # the second is the wide colon of East Asian keyboards
        value = after.text if after is not None else "value"
        return Reason(
            "TXT018", f"{token.text} in place of : after {field.name}", f"write {field.name}: {value[:40]}"
        )
    return Reason("TXT018", f"no : after {field.name}", f"write {field.name}: {value[:40]}")
