from __future__ import annotations

import math

import pytest

from components.example_gen.check import check_boxes, frame_of_boxes, unknown_label
from components.example_gen.records import BoxRecord, ImageRecord
from detection.config.label_map import LabelMap, LabelMapItem

LABELS = LabelMap((LabelMapItem(1, "stop", "Stop sign"), LabelMapItem(3, "speed_limit", "speed_limit")))


def record(*boxes, label="stop", size=(200, 100)):
    made = tuple(BoxRecord(f"object {i}", label, *box) for i, box in enumerate(boxes, 1))
    return ImageRecord("train", "a.jpg", None, None, made, *size)


def check(*boxes, label="stop"):
    good, findings = check_boxes(record(*boxes, label=label), (200, 100), LABELS)
    return good, [(f.code, f.action) for f in findings]


def test_a_good_box_is_normalised_as_in_the_od_api():
    good, findings = check((20, 10, 100, 100))
    assert findings == []
    (box,) = good
    assert (box.ymin, box.xmin, box.ymax, box.xmax) == (0.1, 0.1, 1.0, 0.5)
    assert (box.label, box.label_id) == ("stop", 1)


@pytest.mark.parametrize("outside", [(-2, 0, 50, 50), (0, 0, 202, 50), (0, -1.5, 50, 102)])
def test_rounding_is_clipped(outside):
    good, findings = check(outside)
    assert findings == [("DATA006", "clipped")]
    corners = (good[0].ymin, good[0].xmin, good[0].ymax, good[0].xmax)
    assert min(corners) >= 0 and max(corners) <= 1


@pytest.mark.parametrize("outside", [(-3, 0, 50, 50), (0, 0, 203, 50), (0, 0, 50, 200), (300, 10, 400, 50)])
def test_far_outside_is_set_aside(outside):
    assert check(outside) == ([], [("DATA007", "quarantined")])


def test_reversed_corners_are_swapped():
    good, findings = check((100, 50, 20, 10))
    assert findings == [("DATA008", "swapped")]
    assert (good[0].xmin, good[0].xmax, good[0].ymin, good[0].ymax) == (0.1, 0.5, 0.1, 0.5)


@pytest.mark.parametrize("flat", [(10, 10, 10, 50), (10, 10, 50, 10), (200, 10, 201, 50)])
def test_no_area_is_dropped(flat):
    good, findings = check(flat)
    assert good == [] and findings[-1] == ("DATA009", "quarantined")


@pytest.mark.parametrize("odd", [(math.nan, 1, 2, 3), (1, 2, math.inf, 3)])
def test_no_number(odd):
    assert check(odd) == ([], [("DATA014", "quarantined")])


def test_unknown_label_with_the_nearest():
    good, findings = check_boxes(record((1, 1, 9, 9), label="Stopp"), (200, 100), LABELS)
    assert good == [] and findings[0].code == "DATA010" and findings[0].object == "object 1 (Stopp)"
    assert "did you mean 'stop'?" in findings[0].detail
    assert unknown_label("SPEED-LIMIT", LABELS).endswith("did you mean 'speed_limit'?")
    assert unknown_label("qqqq", LABELS).endswith("it has stop, speed_limit")


def test_a_display_name_counts_as_its_class():
    good, findings = check((1, 1, 9, 9), label="Stop sign")
    assert findings == [] and good[0].label == "stop"


def test_one_bad_box_leaves_the_others():
    good, findings = check((1, 1, 9, 9), (0, 0, 900, 9), (2, 2, 8, 8))
    assert len(good) == 2 and findings == [("DATA007", "quarantined")]


@pytest.mark.parametrize(
    "stated, stored, upright, expected",
    [
        ((200, 100), (200, 100), (200, 100), ((200, 100), False, None)),
        ((0, 0), (200, 100), (200, 100), ((200, 100), False, None)),
        ((100, 200), (200, 100), (100, 200), ((100, 200), False, None)),  # drawn on the upright image
        ((200, 100), (200, 100), (100, 200), ((200, 100), True, None)),  # drawn on the stored pixels
        ((400, 200), (200, 100), (200, 100), ((400, 200), False, "rescaled")),
        ((400, 200), (200, 100), (100, 200), ((400, 200), True, "rescaled")),
        ((4963, 3509), (1024, 1024), (1024, 1024), (None, False, "quarantined")),
        ((200, 0), (200, 100), (200, 100), (None, False, "quarantined")),
    ],
)
def test_frame_of_boxes(stated, stored, upright, expected):
    frame, turned, finding = frame_of_boxes(record((1, 1, 9, 9), size=stated), stored, upright)
    assert (frame, turned, finding and finding.action) == expected
    assert finding is None or finding.code == "DATA004"


def test_the_stated_size_of_a_picture_without_boxes_does_not_matter():
    assert frame_of_boxes(record(size=(7, 7)), (200, 100), (200, 100)) == ((200, 100), False, None)
