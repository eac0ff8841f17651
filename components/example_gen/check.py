"""Checks the boxes of one image: repairs what has one meaning, sets aside what has none."""

from __future__ import annotations

from math import isfinite

from components.example_gen.frame import Frame
from components.example_gen.labels import class_of
from components.example_gen.masks import fit_mask
from components.example_gen.orientation import turn_box
from components.example_gen.records import BoxRecord, DataOptions, Finding, GoodBox, ImageRecord
from components.example_gen.remarks import Remark, SetAside
from detection.config.label_map import LabelMap

# How far a corner may lie outside and still be a rounding of the annotation tool.
ROUNDING_PX = 2.0
ROUNDING_SHARE = 0.01
NOISE_PX = 0.01  # six decimals of a share, or float32: nothing to be told
SMALLEST_PX = 1.0

Corners = tuple[float, float, float, float]  # xmin, ymin, xmax, ymax


def check_boxes(
    record: ImageRecord, frame: Frame, label_map: LabelMap, options: DataOptions
) -> tuple[list[GoodBox], list[Finding]]:
    """Checks every box of `record` in the frame that it was drawn in.

    Pixels become shares of the frame as in the Object Detection API's create_pascal_tf_record.py: without
    moving VOC's count from 1 to 0.

    Returns:
      The usable boxes, normalised to the upright image, and a finding for each repair and each box set aside.
    """
    good: list[GoodBox] = []
    findings: list[Finding] = []
    labels_at: dict[Corners, list[str]] = {}  # of the boxes that are kept
    pixels = frame.pixels
    for box in record.boxes:
        remarks: list[Remark] = []
        try:
            checked = _check_box(box, record.shares, frame, pixels, label_map, options, remarks)
            _compare(checked, labels_at, remarks)
            good.append(checked)
        except SetAside as reason:
            remarks.append(reason.remark)
        for said in remarks:
            findings.append(Finding(record.name, _place(box), said.code, said.action, said.detail))
    return good, findings


def _check_box(
    box: BoxRecord,
    shares: bool,
    frame: Frame,
    written: tuple[int, int],
    label_map: LabelMap,
    options: DataOptions,
    remarks: list[Remark],
) -> GoodBox:
    """The box as it is written; adds to `remarks` what is repaired. Raises SetAside.

    Args:
      written: frame.pixels, which is the same for all boxes of an image.
    """
    if box.problem is not None:
        raise SetAside(box.problem.code, box.problem.detail, box.problem.action)
    if box.crowd:
        raise SetAside("DATA030", "neither training nor the evaluation counts such a region", "left out")
    corners = xmin, ymin, xmax, ymax = box.xmin, box.ymin, box.xmax, box.ymax
    if not (isfinite(xmin) and isfinite(ymin) and isfinite(xmax) and isfinite(ymax)):
        raise SetAside("DATA014", _said(corners))
    label_id = class_of(box, label_map, options.fix_case, remarks)
    width, height = frame.size
    if shares:
        corners = xmin, ymin, xmax, ymax = xmin * width, ymin * height, xmax * width, ymax * height
    if not (0 <= xmin <= xmax <= width and 0 <= ymin <= ymax <= height):
        xmin, ymin, xmax, ymax = _inside(_ordered(corners, remarks), frame.size, remarks)
    share_x, share_y = (xmax - xmin) / width, (ymax - ymin) / height
    if share_x <= 0 or share_y <= 0:
        raise SetAside("DATA009", _said(corners))
    pixels = (share_x * written[0], share_y * written[1])
    if pixels[0] < SMALLEST_PX - NOISE_PX or pixels[1] < SMALLEST_PX - NOISE_PX:
        raise SetAside("DATA018", f"{pixels[0]:.2g}x{pixels[1]:.2g} pixels of {_size(written)}")
    covers = xmin <= ROUNDING_PX and ymin <= ROUNDING_PX
    covers = covers and width - xmax <= ROUNDING_PX and height - ymax <= ROUNDING_PX
    if covers and min(frame.size) > 4 * ROUNDING_PX:
        remarks.append(Remark("DATA019", "kept", f"{_said(corners)} in {_size(frame.size)}"))
    as_drawn = GoodBox(
        ymin / height,
        xmin / width,
        ymax / height,
        xmax / width,
        label_map.name_of(label_id),  # the data may use the display name
        label_id,
        box.difficult,
        box.truncated,
        False,
        fit_mask(box.mask, frame) if options.masks else None,
    )
    return turn_box(as_drawn, frame.orientation)


def _ordered(corners: Corners, remarks: list[Remark]) -> Corners:
    xmin, ymin, xmax, ymax = corners
    if xmin <= xmax and ymin <= ymax:
        return corners
    remarks.append(Remark("DATA008", "swapped", _said(corners)))
    return min(xmin, xmax), min(ymin, ymax), max(xmin, xmax), max(ymin, ymax)


def _inside(corners: Corners, size: tuple[int, int], remarks: list[Remark]) -> Corners:
    """The corners, clipped to the frame. Raises SetAside for a box too far outside."""
    xmin, ymin, xmax, ymax = corners
    width, height = size
    if xmin >= 0 and ymin >= 0 and xmax <= width and ymax <= height:
        return corners
    outside = (max(-xmin, xmax - width), max(-ymin, ymax - height))
    detail = f"{_said(corners)} in {_size(size)}"
    if any(out > max(ROUNDING_PX, ROUNDING_SHARE * side) for out, side in zip(outside, size, strict=True)):
        raise SetAside("DATA007", detail)
    if max(outside) > NOISE_PX:
        remarks.append(Remark("DATA006", "clipped", detail))
    return max(xmin, 0.0), max(ymin, 0.0), min(xmax, float(width)), min(ymax, float(height))


def _compare(box: GoodBox, labels_at: dict[Corners, list[str]], remarks: list[Remark]) -> None:
    """Compares a box with those before it. Raises SetAside for the same box again."""
    labels = labels_at.setdefault((box.xmin, box.ymin, box.xmax, box.ymax), [])
    if box.label in labels:
        raise SetAside("DATA022", f"'{box.label}' with the same corners is there already")
    if labels:
        remarks.append(Remark("DATA032", "kept", f"'{box.label}', and with the same corners '{labels[0]}'"))
    labels.append(box.label)


def _place(box: BoxRecord) -> str:
    label = box.label or ("" if box.label_id is None else f"id {box.label_id}")
    return f"{box.place} ({label})" if label else box.place


def _said(corners: Corners) -> str:
    return "xmin={:g} ymin={:g} xmax={:g} ymax={:g}".format(*corners)


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
