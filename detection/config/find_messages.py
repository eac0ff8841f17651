"""Settings of one kind in a pipeline.config, wherever they are in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def find_messages(kind: str, message: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every message of the type `kind` inside `message`, each with its dotted path.

    Args:
      kind: the type's name, for example "BatchNorm".
      message: where to look.
      path: of `message`; elements of repeated fields have their index behind it.
    """
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        at = f"{path}.{field.name}"
        elements = (
            [(f"{at}[{i}]", one) for i, one in enumerate(value)] if field.is_repeated else [(at, value)]
        )
        for place, element in elements:
            if field.message_type.name == kind:
                yield place, element
            else:
                yield from find_messages(kind, element, place)
