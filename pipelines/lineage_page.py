"""A run's lineage as one HTML page that needs no other: a picture, and all that ML Metadata knows of it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from pydantic import BaseModel

import components.evaluator
from detection.config.text_files import write_text
from pipelines.layered_layout import Layout, Point, Size, place
from pipelines.plan import Plan
from pipelines.run_graph import Box, RunGraph, run_graph

LINEAGE_FILE = "lineage.html"
_STYLE = Path(components.evaluator.__file__).parent / "templates" / "style.css"  # all pages look alike
_SECTIONS = {
    "input": "What the run was given",
    "node": "What its nodes did",
    "artifact": "What they made",
    "version": "What is published",
}
_NARROW, _LINE, _CHARACTER = 88.0, 14.0, 6.6  # px, at the picture's font size
_MARGIN = 4.0


@dataclass(frozen=True)
class Drawn:
    """A box of the picture: its place, and its title in lines."""

    box: Box
    lines: list[str]
    x: float
    y: float
    width: float
    height: float


def write_lineage_page(plan: Plan) -> Path:
    """Write RUN_DIR/lineage.html, and the same beside the detector's report; returns the first.

    Either is written whole or not at all.
    """
    page = lineage_page(plan)
    files = [Path(plan.run_dir) / LINEAGE_FILE, plan.home.root / LINEAGE_FILE]
    for file in files:
        write_text(page, file)
    return files[0]


def lineage_page(plan: Plan) -> str:
    """The page of one run, as far as its nodes are done."""
    graph = run_graph(plan)
    return _template("lineage.html.j2").render(
        plan=plan,
        style=_STYLE.read_text(encoding="utf-8"),
        sections={
            title: [box for box in graph.boxes.values() if box.kind == kind and box.facts]
            for kind, title in _SECTIONS.items()
        },
        linked=True,
        **_picture(graph),
    )


def run_section(plan: Plan, nodes: Sequence[BaseModel]) -> str:
    """The same picture, and what the nodes cost, as a part of the Evaluator's report.

    `nodes` have `node`, `seconds`, `processor_seconds` and `cached`, one of each node that ran.
    """
    return _template("run_section.html.j2").render(nodes=nodes, linked=False, **_picture(run_graph(plan)))


def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def _picture(graph: RunGraph) -> dict[str, Any]:
    """What picture.html.j2 draws."""
    boxes = [box for box in graph.boxes.values() if any(box.name in edge for edge in graph.edges)]
    lines = {box.name: _lines(box) for box in boxes}
    layout = place({box.name: _size(box, lines[box.name]) for box in boxes}, graph.edges)
    return {
        "drawn": [_drawn(box, lines[box.name], layout) for box in boxes],
        "ways": {edge: _path(points) for edge, points in layout.ways.items()},
        "width": layout.width + 2 * _MARGIN,
        "height": layout.height + 2 * _MARGIN,
        "margin": _MARGIN,
        "line": _LINE,
    }


def _lines(box: Box) -> list[str]:
    """The title in lines that fit a narrow box; a node's name stays whole, and has its note below."""
    if box.kind == "node":
        return [box.title, *([box.note] if box.note else [])]
    return textwrap.wrap(box.title, int((_NARROW - 8) / _CHARACTER), break_long_words=False)


def _size(box: Box, lines: list[str]) -> Size:
    character = _CHARACTER * (1.12 if box.kind == "node" else 1.0)  # bold
    width = max(_NARROW, max(map(len, lines)) * character + 16)
    return width, len(lines) * _LINE + 16


def _drawn(box: Box, lines: list[str], layout: Layout) -> Drawn:
    x, y = layout.corners[box.name]
    width, height = _size(box, lines)
    return Drawn(box, lines, x, y, width, height)


def _path(points: list[Point]) -> str:
    """A way as an SVG path: vertical at every point, curved between."""
    (x, y), *rest = points
    parts = [f"M{x:.1f},{y:.1f}"]
    for to_x, to_y in rest:
        middle = (y + to_y) / 2
        parts.append(f"C{x:.1f},{middle:.1f} {to_x:.1f},{middle:.1f} {to_x:.1f},{to_y:.1f}")
        x, y = to_x, to_y
    return " ".join(parts)
