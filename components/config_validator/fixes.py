"""Turns the changes of findings into edits of the text of a pipeline.config."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from google.protobuf import message_factory, text_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from components.config_validator.findings import Change, Scalar
from components.config_validator.locate import split_index
from detection.config import protos
from detection.config.text_edit import Edit, insertion, removal, removal_of_value, replacement
from detection.config.text_tree import Entry, Value, parse_tree


def edits_of(text: str, change: Change) -> list[Edit]:
    """The edits that make `change` in the text of a TrainEvalPipelineConfig; none if it is so already.

    A block that isn't there is made for a field to set; a repeated one if its index is the next. Raises
    KeyError for a field or an enum's value that isn't in the proto.
    """
    root = protos.TrainEvalPipelineConfig.DESCRIPTOR
    return list(_edits(text, None, parse_tree(text), root, change.field.split("."), change))


def _edits(
    text: str,
    block: Value | None,
    entries: tuple[Entry, ...],
    message: Descriptor,
    parts: list[str],
    change: Change,
) -> Iterator[Edit]:
    """The edits inside one block (None: the top level), whose entries and message type are given."""
    name, index = split_index(parts[0])
    field = message.fields_by_name[name]
    found = [
        (entry, number) for entry in entries if entry.name == name for number in range(len(entry.values))
    ]
    if index is not None:
        found = found[index : index + 1]
    if not found:
        fields = _fields(message, parts)
        count = sum(len(entry.values) for entry in entries if entry.name == name)
        if change.value is not None and _can_be_made(fields, parts, count):
            yield from _others_of_oneof(text, entries, field)
            names = [split_index(part)[0] for part in parts]
            yield insertion(text, block, names, _formatted(fields[-1], change.value))
        return
    for entry, number in found:
        value = entry.values[number]
        if len(parts) > 1:
            inner = value.entries or ()
            yield from _edits(text, value, inner, field.message_type, parts[1:], change)
        elif change.value is None:
            if len(entry.values) == 1:
                yield removal(text, entry)
            elif index is None:
                if number == 0:
                    yield removal(text, entry)
            else:
                yield removal_of_value(entry, number)
        elif not _equal(field, text[value.start : value.end], change.value):
            yield replacement(value, _formatted(field, change.value))


def _others_of_oneof(text: str, entries: tuple[Entry, ...], field: FieldDescriptor) -> Iterator[Edit]:
    """Takes out what excludes `field`: protobuf text may hold one field of a oneof."""
    if field.containing_oneof is not None:
        names = {other.name for other in field.containing_oneof.fields}
        for entry in entries:
            if entry.name in names:
                yield removal(text, entry)


def _fields(message: Descriptor, parts: list[str]) -> list[FieldDescriptor]:
    """The fields along a dotted path that begins in `message`."""
    fields = []
    for part in parts:
        fields.append(message.fields_by_name[split_index(part)[0]])
        message = fields[-1].message_type
    return fields


def _can_be_made(fields: list[FieldDescriptor], parts: list[str], count: int) -> bool:
    """Whether blocks may be made for a path: of repeated ones only the next (`count` of the first)."""
    wanted = [split_index(part)[1] for part in parts]
    return all(
        index == (0 if number else count)
        for number, (field, index) in enumerate(zip(fields, wanted, strict=True))
        if field.is_repeated and field.message_type is not None
    )


def _formatted(field: FieldDescriptor, value: Scalar) -> str:
    held = getattr(_message(field, value), field.name)
    out = io.StringIO()
    text_format.PrintFieldValue(field, held[0] if field.is_repeated else held, out)
    return out.getvalue()


def _equal(field: FieldDescriptor, text: str, value: Scalar) -> bool:
    """Whether the text of a scalar means `value`, as the field's type holds it."""
    wanted = _message(field, value)
    written = type(wanted)()
    text_format.Parse(f"{field.name}: {text}", written)
    return bool(written == wanted)


def _message(field: FieldDescriptor, value: Scalar) -> Message:
    """A message with `value` in its field, rounded as the field's type rounds."""
    message = message_factory.GetMessageClass(field.containing_type)()
    plain: Any = value
    if field.enum_type is not None and isinstance(value, str):
        plain = field.enum_type.values_by_name[value].number
    if field.is_repeated:
        getattr(message, field.name).append(plain)
    else:
        setattr(message, field.name, plain)
    return message
