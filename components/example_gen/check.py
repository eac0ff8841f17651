"""Checks the boxes of one image: repairs what has one meaning, sets aside what has none."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable

from components.example_gen.records import Action, BoxRecord, Finding, GoodBox, ImageRecord
from detection.config.label_map import LabelMap

# How far a corner may lie outside and still be a rounding of the annotation tool.
ROUNDING_PX = 2.0
ROUNDING_SHARE = 0.01
SAME_ASPECT = 0.01  # relative difference of the two scales of a merely resized image


def check_boxes(
    record: ImageRecord, frame: tuple[int, int], label_map: LabelMap
) -> tuple[list[GoodBox], list[Finding]]:
    """Checks every box of `record` against the (width, height) in pixels that it was drawn in.

    Pixels become shares of the frame as in the Object Detection API's create_pascal_tf_record.py: without
    moving VOC's count from 1 to 0.

    Returns:
      The usable boxes, normalised to the frame, and a finding for each repair and each box set aside.
    """
    good: list[GoodBox] = []
    findings: list[Finding] = []
    for box in record.boxes:

        def report(code: str, action: Action, detail: str, box: BoxRecord = box) -> None:
            place = f"{box.place} ({box.label})" if box.label else box.place
            findings.append(Finding(record.name, place, code, action, detail))

        checked = _check_box(box, frame, label_map, report)
        if checked is not None:
            good.append(checked)
    return good, findings


def frame_of_boxes(
    record: ImageRecord, stored: tuple[int, int], upright: tuple[int, int]
) -> tuple[tuple[int, int] | None, bool, Finding | None]:
    """Decides in which picture the boxes were drawn, from the size that the annotation states.

    Args:
      stored: (width, height) of the pixels in the file.
      upright: the same after the EXIF orientation.

    Returns:
      The (width, height) of the frame, None where no frame explains the stated size; whether that frame is
      the stored picture, still to be turned upright; and the finding, if the sizes differ.
    """
    stated = (record.width, record.height)
    if stated in (upright, (0, 0)) or not record.boxes:
        return upright, False, None
    if stated == stored:
        return stored, True, None
    detail = f"annotated as {stated[0]}x{stated[1]}, the image is {upright[0]}x{upright[1]}"
    if 0 not in stated:
        for frame, turned in ((upright, False), (stored, True)):
            ratio = (frame[0] / stated[0]) / (frame[1] / stated[1])
            if abs(ratio - 1) <= SAME_ASPECT:  # the image was resized after it was annotated
                return stated, turned, Finding(record.name, None, "DATA004", "rescaled", detail)
    return None, False, Finding(record.name, None, "DATA004", "quarantined", detail)


def _check_box(
    box: BoxRecord,
    frame: tuple[int, int],
    label_map: LabelMap,
    report: Callable[[str, Action, str], None],
) -> GoodBox | None:
    corners = (box.xmin, box.ymin, box.xmax, box.ymax)
    said = f"xmin={box.xmin:g} ymin={box.ymin:g} xmax={box.xmax:g} ymax={box.ymax:g}"
    if not all(map(math.isfinite, corners)):
        report("DATA014", "quarantined", said)
        return None
    label_id = label_map.id_of(box.label)
    if label_id is None:
        report("DATA010", "quarantined", unknown_label(box.label, label_map))
        return None
    xmin, xmax = sorted((box.xmin, box.xmax))
    ymin, ymax = sorted((box.ymin, box.ymax))
    if (xmin, ymin, xmax, ymax) != corners:
        report("DATA008", "swapped", said)
    width, height = frame
    outside_x, outside_y = max(-xmin, xmax - width, 0.0), max(-ymin, ymax - height, 0.0)
    if outside_x or outside_y:
        said += f" in {width}x{height}"
        if any(
            outside > max(ROUNDING_PX, ROUNDING_SHARE * size)
            for outside, size in ((outside_x, width), (outside_y, height))
        ):
            report("DATA007", "quarantined", said)
            return None
        report("DATA006", "clipped", said)
    xmin, xmax = max(xmin, 0.0) / width, min(xmax, width) / width
    ymin, ymax = max(ymin, 0.0) / height, min(ymax, height) / height
    if xmax <= xmin or ymax <= ymin:
        report("DATA009", "quarantined", said)
        return None
    name = label_map.name_of(label_id)  # the data may use the display name
    return GoodBox(ymin, xmin, ymax, xmax, name, label_id, box.difficult, box.truncated)


def unknown_label(label: str, label_map: LabelMap) -> str:
    """Says that a label isn't in the map, and the nearest one that is."""
    lower = {name.lower(): name for name in label_map.names}
    near = difflib.get_close_matches(label.lower(), lower, n=1, cutoff=0.5)
    hint = f"did you mean '{lower[near[0]]}'?" if near else f"it has {', '.join(label_map.names)}"
    return f"'{label}' isn't in the label map: {hint}"
