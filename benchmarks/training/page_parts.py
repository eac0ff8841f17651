"""docs/results.md has a part of each benchmark that trains: one is replaced, the others stay."""

from __future__ import annotations

from pathlib import Path

FORGETTING = "## What is forgotten"


def read_part(page: Path, heading: str) -> str:
    """The part of `page` from its `heading` to the end; empty where there is none. It is the last one."""
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    return text[text.index(heading) :] if heading in text else ""


def replace_part(page: Path, heading: str, part: str) -> None:
    """Write `part`, which starts with `heading`, in the place of the one that `page` has, else behind all."""
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    before = text.removesuffix(read_part(page, heading)).rstrip("\n")
    page.write_text(f"{before}\n\n{part}".lstrip("\n"), encoding="utf-8")
