"""Parses the lines of a YOLO label: a class index, then the box or the polygon in shares of the image."""

from __future__ import annotations

import math
import posixpath

from components.example_gen.fields import number_in
from components.example_gen.records import BoxRecord, Finding
from components.example_gen.yolo_yaml import YoloSet


def boxes_in(text: str, name: str, data: YoloSet) -> tuple[BoxRecord, ...]:
    """The objects of a label file; a class without a name is the box's `problem`.

    Args:
      text: of the file.
      name: the image's, for findings.
      data: names the classes.
    """
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), start=1)]
    return tuple(_box(name, number, words, data) for number, words in lines if words)


def _box(name: str, number: int, words: list[str], data: YoloSet) -> BoxRecord:
    place = f"line {number}"
    index = number_in(words[0])
    label = data.names.get(int(index), "") if index.is_integer() else ""
    problem = None
    if not label:
        detail = f"class {words[0]} has no name in {posixpath.basename(data.file)}"
        problem = Finding(name, place, "DATA020", "quarantined", detail)
    return BoxRecord(place, label, *_corners(words[1:], data.keypoints), problem=problem)


def _corners(words: list[str], keypoints: bool) -> tuple[float, float, float, float]:
    """xmin, ymin, xmax, ymax as shares; NaN where the line has no numbers for them.

    Four numbers are a box, a fifth is its score; more are the corners of a polygon, or points after the box.
    """
    numbers = [number_in(word) for word in words]
    if len(numbers) in (4, 5) or (keypoints and len(numbers) > 5):
        x, y, width, height = numbers[:4]
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2
    if len(numbers) >= 6 and len(numbers) % 2 == 0 and not any(map(math.isnan, numbers)):
        xs, ys = numbers[::2], numbers[1::2]
        return min(xs), min(ys), max(xs), max(ys)
    return math.nan, math.nan, math.nan, math.nan
