from __future__ import annotations

import pytest

from components.example_gen.decode import DecodedImage
from components.example_gen.frame import Frame, frame_of_boxes
from components.example_gen.orientation import upright_size
from components.example_gen.records import BoxRecord, ImageRecord


def record(size, boxes=1):
    made = tuple(BoxRecord(f"object {i}", "cat", 1, 1, 9, 9) for i in range(boxes))
    return ImageRecord("train", "a.jpg", None, None, made, *size)


def image(stored=(200, 100), orientation=1, written=None):
    upright = upright_size(stored, orientation)
    return DecodedImage(b"", "jpeg", "JPEG", stored, upright, written or upright, orientation, ())


@pytest.mark.parametrize(
    "stated, orientation, size, turn, action",
    [
        ((200, 100), 1, (200, 100), 1, None),
        ((0, 0), 1, (200, 100), 1, None),
        ((0, 0), 6, (100, 200), 1, None),  # of an unstated size: drawn on the upright image
        ((100, 200), 6, (100, 200), 1, None),  # drawn on the upright image
        ((200, 100), 6, (200, 100), 6, None),  # drawn on the stored pixels
        ((200, 100), 3, (200, 100), 1, None),  # the size can't tell: upright
        ((400, 200), 1, (400, 200), 1, "rescaled"),
        ((400, 200), 6, (400, 200), 6, "rescaled"),
        ((50, 100), 8, (50, 100), 1, "rescaled"),
    ],
)
def test_the_stated_size_decides(stated, orientation, size, turn, action):
    frame, finding = frame_of_boxes(record(stated), image(orientation=orientation))
    assert frame is not None and (frame.size, frame.orientation) == (size, turn)
    assert (finding and finding.action) == action
    assert finding is None or finding.code == "DATA004"


@pytest.mark.parametrize("stated", [(4963, 3509), (200, 0), (0, 100), (200, 110)])
def test_a_size_that_nothing_explains(stated):
    frame, finding = frame_of_boxes(record(stated), image(stored=(100, 100)))
    assert frame is None and finding is not None
    assert (finding.code, finding.action) == ("DATA004", "quarantined")
    assert f"annotated as {stated[0]}x{stated[1]}, the image is 100x100" in finding.detail


def test_the_stated_size_of_a_picture_without_boxes_does_not_matter():
    assert frame_of_boxes(record((7, 7), boxes=0), image()) == (Frame((200, 100), (200, 100)), None)


def test_pixels_are_the_written_ones_turned_as_drawn():
    frame, _ = frame_of_boxes(record((200, 100)), image(orientation=6, written=(50, 100)))
    assert frame is not None and frame.written == (50, 100) and frame.pixels == (100, 50)
