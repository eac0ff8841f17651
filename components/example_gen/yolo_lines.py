"""Parses the lines of a YOLO label: a class index, then the box or the polygon in shares of the image."""

from __future__ import annotations

import json
import math
import posixpath

from components.example_gen.fields import number_in
from components.example_gen.records import BoxRecord, Finding, Outline
from components.example_gen.yolo_yaml import YoloSet


def boxes_in(text: str, name: str, data: YoloSet, masks: bool = False) -> tuple[BoxRecord, ...]:
    """The objects of a label file; a class without a name is the box's `problem`.

    Args:
      text: of the file.
      name: the image's, for findings.
      data: names the classes.
      masks: whether each object that has a polygon gets it.
    """
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), start=1)]
    return tuple(_box(name, number, words, data, masks) for number, words in lines if words)


def _box(name: str, number: int, words: list[str], data: YoloSet, masks: bool) -> BoxRecord:
    place = f"line {number}"
    index = number_in(words[0])
    label = data.names.get(int(index), "") if index.is_integer() else ""
    problem = None
    if not label:
        detail = f"class {words[0]} has no name in {posixpath.basename(data.file)}"
        problem = Finding(name, place, "DATA020", "quarantined", detail)
    numbers = [number_in(word) for word in words[1:]]
    corners, polygon = _corners(numbers, data.keypoints)
    mask = Outline(json.dumps([numbers]), shares=True) if masks and polygon else None
    return BoxRecord(place, label, *corners, mask=mask, problem=problem)


def _corners(numbers: list[float], keypoints: bool) -> tuple[tuple[float, float, float, float], bool]:
    """xmin, ymin, xmax, ymax as shares, NaN where the line has no numbers for them; whether it is a polygon.

    Four numbers are a box, a fifth is its score; more are the corners of a polygon, or points after the box.
    """
    if len(numbers) in (4, 5) or (keypoints and len(numbers) > 5):
        x, y, width, height = numbers[:4]
        return (x - width / 2, y - height / 2, x + width / 2, y + height / 2), False
    if len(numbers) >= 6 and len(numbers) % 2 == 0 and not any(map(math.isnan, numbers)):
        xs, ys = numbers[::2], numbers[1::2]
        return (min(xs), min(ys), max(xs), max(ys)), True
    return (math.nan, math.nan, math.nan, math.nan), False
