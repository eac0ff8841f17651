"""Places the boxes of a directed graph in layers, from top to bottom, with few crossing edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

_GAP = 10.0  # between the boxes of a layer
_LAYER_GAP = 30.0  # between the layers; the edges bend in it
_BEND_WIDTH = 6.0  # what an edge takes in a layer that it passes
_SWEEPS = 12

Size = tuple[float, float]
Point = tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """The boxes' upper left corners, each edge's way as points, and the size of all."""

    corners: dict[str, Point]
    ways: dict[tuple[str, str], list[Point]]
    width: float
    height: float


def place(sizes: Mapping[str, Size], edges: Sequence[tuple[str, str]]) -> Layout:
    """The layout of boxes with `sizes` (width, height) and `edges` from box to box; there is no cycle."""
    layer = _layers(list(sizes), edges)
    chains = _chains(layer, edges)
    widths = {name: size[0] for name, size in sizes.items()}
    widths |= {bend: _BEND_WIDTH for chain in chains.values() for bend in chain[1:-1]}
    steps = sorted({step for chain in chains.values() for step in pairwise(chain)})
    rows = _ordered(_rows(layer, chains), steps)
    centres, width = _centres(rows, widths, steps)
    tops, y = [], 0.0
    for row in rows:
        tops.append(y)
        y += max((sizes[name][1] for name in row if name in sizes), default=0.0) + _LAYER_GAP
    top = {name: tops[number] for number, row in enumerate(rows) for name in row}
    bottoms = [tops[n + 1] - _LAYER_GAP for n in range(len(rows) - 1)] + [y - _LAYER_GAP]
    row_bottom = {name: bottoms[number] for number, row in enumerate(rows) for name in row}
    ways = {
        edge: [
            (centres[chain[0]], top[chain[0]] + sizes[chain[0]][1]),
            *(
                point
                for bend in chain[1:-1]
                for point in _through(centres[bend], top[bend], row_bottom[bend])
            ),
            (centres[chain[-1]], top[chain[-1]]),
        ]
        for edge, chain in chains.items()
    }
    corners = {name: (centres[name] - widths[name] / 2, top[name]) for name in sizes}
    return Layout(corners, ways, width, y - _LAYER_GAP)


def _through(x: float, top: float, bottom: float) -> list[Point]:
    return [(x, top), (x, bottom)]


def _layers(names: list[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The longest way to each box; a box that nothing leads to is right above what it leads to."""
    layer = dict.fromkeys(names, 0)
    for _ in names:
        for source, target in edges:
            layer[target] = max(layer[target], layer[source] + 1)
    for name in names:
        below = [layer[target] for source, target in edges if source == name]
        if below and all(target != name for _, target in edges):
            layer[name] = min(below) - 1
    return layer


def _chains(layer: Mapping[str, int], edges: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[str]]:
    """Each edge as the boxes and bends that it passes; edges from one box share their bends."""
    return {
        (source, target): [
            source,
            *(f"{source}\0{number}" for number in range(layer[source] + 1, layer[target])),
            target,
        ]
        for source, target in edges
    }


def _rows(layer: Mapping[str, int], chains: Mapping[tuple[str, str], list[str]]) -> list[list[str]]:
    rows: list[list[str]] = [[] for _ in range(max(layer.values(), default=0) + 1)]
    for name, number in layer.items():
        rows[number].append(name)
    for bend in dict.fromkeys(bend for chain in chains.values() for bend in chain[1:-1]):
        rows[int(bend.partition("\0")[2])].append(bend)
    return rows


def _ordered(rows: list[list[str]], steps: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Each row sorted by where its neighbours are, down and up again; the order with fewest crossings."""
    best, fewest = rows, _crossings(rows, steps)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        rows = [list(row) for row in rows]
        for number in range(len(rows)) if down else reversed(range(len(rows))):
            at = {name: index for row in rows for index, name in enumerate(row)}
            near = {
                name: [at[a if down else b] for a, b in steps if (b if down else a) == name]
                for name in rows[number]
            }
            rows[number].sort(key=lambda n, near=near, at=at: _mean(near[n], at[n]))  # type: ignore[misc]
        crossings = _crossings(rows, steps)
        if crossings < fewest:
            best, fewest = rows, crossings
    return best


def _crossings(rows: list[list[str]], steps: Sequence[tuple[str, str]]) -> int:
    at = {name: (number, index) for number, row in enumerate(rows) for index, name in enumerate(row)}
    count = 0
    for n, (a, b) in enumerate(steps):
        for c, d in steps[n + 1 :]:
            if at[a][0] == at[c][0] and (at[a][1] - at[c][1]) * (at[b][1] - at[d][1]) < 0:
                count += 1
    return count


def _centres(
    rows: list[list[str]], widths: Mapping[str, float], steps: Sequence[tuple[str, str]]
) -> tuple[dict[str, float], float]:
    """Where the middle of each box and bend is, as near to its neighbours' as the row allows."""
    total = max(sum(widths[name] for name in row) + _GAP * (len(row) - 1) for row in rows)
    centres: dict[str, float] = {}
    for row in rows:
        used = sum(widths[name] for name in row) + _GAP * (len(row) - 1)
        x = (total - used) / 2
        for name in row:
            centres[name] = x + widths[name] / 2
            x += widths[name] + _GAP
    near = {
        name: [a if b == name else b for a, b in steps if name in (a, b)] for name in centres
    }  # above and below
    for _ in range(_SWEEPS):
        for row in rows:
            wanted = {name: _mean([centres[other] for other in near[name]], centres[name]) for name in row}
            left = 0.0
            for name in row:
                centres[name] = max(wanted[name], left + widths[name] / 2)
                left = centres[name] + widths[name] / 2 + _GAP
            right = total
            for name in reversed(row):
                centres[name] = min(centres[name], right - widths[name] / 2)
                right = centres[name] - widths[name] / 2 - _GAP
    return centres, total


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
