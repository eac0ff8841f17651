"""Deliveries of data: {span} in a path, or {SPAN} and {VERSION} as TFX numbers them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from components.example_gen import file_systems
from detection.errors import BadInput

_TOKEN = re.compile(r"\{(span|SPAN|VERSION)(?::(\d+))?\}")


@dataclass(frozen=True)
class Delivery:
    """One span of data as its folders write it; `version` is "" where the path has none."""

    span: str
    version: str = ""
    numbered: bool = False

    @property
    def order(self) -> tuple[int, str, int]:
        """Numbers by value, names as text."""
        return (int(self.span), "", int(self.version or 0)) if self.numbered else (0, self.span, 0)

    @property
    def name(self) -> str:
        """As a trigger names it: "2026-11", "12", "12/3"."""
        return f"{self.span}/{self.version}" if self.version else self.span

    def fill(self, path: str) -> str:
        """The path with this delivery's span and version."""
        return _TOKEN.sub(lambda m: self.version if m[1] == "VERSION" else self.span, path)


def uses_span(path: str) -> bool:
    """Whether a path has a place for a span."""
    return _TOKEN.search(path) is not None


def deliveries(paths: Sequence[str], span: str | None, last: int) -> list[Delivery]:
    """The deliveries to read together, oldest first: the newest `last`, up to and with `span` if it's given.

    {span} is any name, and names are ordered as text; {SPAN} is a number, and so is {VERSION}, of which the
    newest counts. `span` may name a version too: "12/3". Fewer than `last` are taken where there are fewer.

    Args:
      paths: those of the data; the first with a place for a span says which spans there are.

    Raises:
      BadInput: the paths have no place for a span that is given, there is none on disk, or not this one.
    """
    pattern = next((path for path in paths if uses_span(path)), None)
    if pattern is None:
        raise BadInput(
            f"the span {span!r} can't be used: no path of the data has {{span}} in it",
            "data.train",
            "leave the span out, or put {span} into the path",
        )
    _require_sense(paths, pattern)
    there = _on_disk(pattern)
    if not there:
        raise BadInput("there is no span of data yet", pattern, "deliver the data, or correct the path")
    if span is not None:
        there = _up_to(there, span, pattern)
    newest = {delivery.order[:2]: delivery for delivery in there}  # sorted, so the last version stays
    return list(newest.values())[-last:]


def filled(paths: Iterable[str], chosen: Sequence[Delivery]) -> tuple[str, ...]:
    """Every path with every delivery, each result once."""
    paths = tuple(paths)
    return tuple(dict.fromkeys(delivery.fill(path) for delivery in chosen for path in paths))


def _require_sense(paths: Sequence[str], pattern: str) -> None:
    kinds = {match[1] for path in paths for match in _TOKEN.finditer(path)}
    if {"span", "SPAN"} <= kinds or "VERSION" in kinds and "SPAN" not in kinds:
        raise BadInput(
            "the data's paths mix the kinds of spans",
            pattern,
            "use {span} alone (any name), or {SPAN} with or without {VERSION} (numbers)",
        )


def _on_disk(pattern: str) -> list[Delivery]:
    """Every delivery there is, in order."""
    steps = _steps(pattern)
    numbered = "{SPAN" in pattern
    found: set[Delivery] = set()

    def walk(folder: str, at: int, known: dict[str, str]) -> None:
        if at == len(steps):
            found.add(Delivery(known["span"], known.get("version", ""), numbered))
            return
        fixed, wanted = steps[at]
        folder = file_systems.join(folder, fixed) if fixed else folder
        for name in file_systems.children(folder):
            match = wanted.fullmatch(name)
            parts = match.groupdict() if match else None
            if parts is not None and all(known.get(key, value) == value for key, value in parts.items()):
                walk(file_systems.join(folder, name), at + 1, known | parts)

    walk(pattern[: pattern.index("://") + 3] if file_systems.is_remote(pattern) else "", 0, {})
    return sorted(found, key=lambda delivery: delivery.order)


def _steps(pattern: str) -> list[tuple[str, re.Pattern[str]]]:
    """The path in steps: folders to go down, and then a name with a token; what follows is left out."""
    steps: list[tuple[str, re.Pattern[str]]] = []
    fixed: list[str] = []
    for part in pattern.rpartition("://")[2].split("/"):
        if uses_span(part):
            steps.append(("/" if fixed == [""] else "/".join(fixed), _as_regex(part)))
            fixed = []
        else:
            fixed.append(part)
    return steps


def _as_regex(part: str) -> re.Pattern[str]:
    text, end, seen = "", 0, set()
    for match in _TOKEN.finditer(part):
        kind, width = match[1], match[2]
        group = "version" if kind == "VERSION" else "span"
        what = r".+" if kind == "span" else rf"\d{{{width}}}" if width else r"\d+"
        text += re.escape(part[end : match.start()])
        text += f"(?P={group})" if group in seen else f"(?P<{group}>{what})"
        seen.add(group)
        end = match.end()
    return re.compile(text + re.escape(part[end:]))


def _up_to(there: list[Delivery], span: str, pattern: str) -> list[Delivery]:
    name, _, version = span.partition("/")
    named = [d for d in there if _same(d.span, name) and (not version or _same(d.version, version))]
    if not named:
        some = ", ".join(dict.fromkeys(d.span + (f"/{d.version}" if version else "") for d in there[-5:]))
        raise BadInput(f"there is no span {span!r}", pattern, f"the last ones are {some}")
    before = [delivery for delivery in there if delivery.order[:2] < named[0].order[:2]]
    return [*before, named[-1]]


def _same(written: str, asked: str) -> bool:
    both_numbers = written.isdigit() and asked.isdigit()
    return written == asked or (both_numbers and int(written) == int(asked))
