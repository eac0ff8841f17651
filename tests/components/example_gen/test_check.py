from __future__ import annotations

import io
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from components.example_gen.check import check_boxes
from components.example_gen.frame import Frame
from components.example_gen.records import BoxRecord, DataOptions, ImageRecord
from detection.config.label_map import LabelMap, LabelMapItem

LABELS = LabelMap((LabelMapItem(1, "stop", "Stop sign"), LabelMapItem(3, "speed_limit", "speed_limit")))
OPTIONS = DataOptions(train="x", label_map="y")
FRAME = Frame((200, 100), (200, 100))


def boxes_of(*corners, label="stop", **more):
    return tuple(BoxRecord(f"object {i}", label, *four, **more) for i, four in enumerate(corners, 1))


def check(*corners, frame=FRAME, boxes=None, shares=False, **options):
    boxes = boxes_of(*corners) if boxes is None else boxes
    record = ImageRecord("train", "a.jpg", None, None, boxes, shares=shares)
    good, findings = check_boxes(record, frame, LABELS, OPTIONS.model_copy(update=options))
    return good, [(finding.code, finding.action) for finding in findings]


def corners_of(box):
    return (box.ymin, box.xmin, box.ymax, box.xmax)


def test_a_good_box_is_normalised_as_in_the_od_api():
    good, findings = check((20, 10, 100, 100))
    assert findings == [] and corners_of(good[0]) == (0.1, 0.1, 1.0, 0.5)
    assert (good[0].label, good[0].label_id) == ("stop", 1)


@pytest.mark.parametrize("outside", [(-2, 0, 50, 50), (0, 0, 202, 50), (0, -1.5, 50, 102), (0, 0, 200.5, 9)])
def test_rounding_is_clipped(outside):
    good, findings = check(outside)
    assert findings == [("DATA006", "clipped")]
    assert min(corners_of(good[0])) >= 0 and max(corners_of(good[0])) <= 1


def test_what_floats_lose_is_clipped_without_a_word():
    good, findings = check((0.5, -1e-7, 1.0000001, 0.5), shares=True)
    assert findings == [] and corners_of(good[0]) == (0.0, 0.5, 0.5, 1.0)


@pytest.mark.parametrize(
    "outside",
    [(-3, 0, 50, 50), (0, 0, 203, 50), (0, 0, 50, 200), (300, 10, 400, 50), (1e308, 10, 1e308, 50)],
)
def test_far_outside_is_set_aside(outside):
    assert check(outside) == ([], [("DATA007", "quarantined")])


def test_shares_are_checked_in_pixels():
    assert check((0.1, 0.1, 1.02, 0.5), shares=True) == ([], [("DATA007", "quarantined")])
    assert check((0.1, 0.1, 1.009, 0.5), shares=True)[1] == [("DATA006", "clipped")]
    assert check((0.1, 0.1, 0.104, 0.5), shares=True) == ([], [("DATA018", "quarantined")])


def test_reversed_corners_are_swapped():
    good, findings = check((100, 50, 20, 10))
    assert findings == [("DATA008", "swapped")] and corners_of(good[0]) == (0.1, 0.1, 0.5, 0.5)


@pytest.mark.parametrize("flat", [(10, 10, 10, 50), (10, 10, 50, 10), (200, 10, 201, 50)])
def test_no_area_is_set_aside(flat):
    good, findings = check(flat)
    assert good == [] and findings[-1] == ("DATA009", "quarantined")


def test_a_pixel_is_one_of_the_image_as_written():
    assert check((10, 10, 10.5, 50)) == ([], [("DATA018", "quarantined")])
    assert len(check((10, 10, 11, 50))[0]) == 1
    smaller = Frame((200, 100), (50, 25))
    assert check((10, 10, 13, 50), frame=smaller) == ([], [("DATA018", "quarantined")])
    assert len(check((10, 10, 14, 50), frame=smaller)[0]) == 1
    turned = Frame((200, 100), (100, 100), orientation=6)  # written at half the stored height, say
    assert check((10, 10, 50, 10.9), frame=turned) == ([], [("DATA018", "quarantined")])


@pytest.mark.parametrize("whole", [(0, 0, 200, 100), (1, 1, 200, 100), (0, 0, 199, 99)])
def test_a_box_that_covers_everything_is_kept_and_told(whole):
    good, findings = check(whole)
    assert len(good) == 1 and findings == [("DATA019", "kept")]
    assert check((0, 0, 200, 90))[1] == []


@pytest.mark.parametrize("odd", [(math.nan, 1, 2, 3), (1, 2, math.inf, 3)])
def test_no_number(odd):
    assert check(odd) == ([], [("DATA014", "quarantined")])


def test_the_finding_names_the_object_and_its_label():
    record = ImageRecord("train", "a.jpg", None, None, boxes_of((1, 1, 9, 9), label="Stopp"))
    _, (finding,) = check_boxes(record, FRAME, LABELS, OPTIONS)
    assert (finding.file, finding.object, finding.code) == ("a.jpg", "object 1 (Stopp)", "DATA010")
    assert "did you mean 'stop'?" in finding.detail
    record = record._replace(boxes=boxes_of((1, 1, 9, 9), label="", label_id=9))
    _, (finding,) = check_boxes(record, FRAME, LABELS, OPTIONS)
    assert (finding.object, finding.code) == ("object 1 (id 9)", "DATA020")


def test_a_display_name_or_an_id_counts_as_its_class():
    boxes = boxes_of((1, 1, 9, 9), label="Stop sign") + boxes_of((2, 2, 9, 9), label="", label_id=3)
    good, findings = check(boxes=boxes)
    assert findings == [] and [box.label for box in good] == ["stop", "speed_limit"]


def test_the_same_box_twice():
    good, findings = check((1, 1, 9, 9), (1, 1, 9, 9), (9, 9, 1, 1), (1, 1, 9, 10))
    assert len(good) == 2
    assert findings == [("DATA022", "quarantined"), ("DATA008", "swapped"), ("DATA022", "quarantined")]


def test_one_box_with_two_labels():
    good, findings = check(boxes=boxes_of((1, 1, 9, 9)) + boxes_of((1, 1, 9, 9), label="speed_limit"))
    assert len(good) == 2 and findings == [("DATA032", "kept")]


def test_a_crowd_is_left_out():
    assert check(boxes=boxes_of((1, 1, 9, 9), crowd=True)) == ([], [("DATA030", "left out")])


def test_one_bad_box_leaves_the_others():
    good, findings = check((1, 1, 9, 9), (0, 0, 900, 9), (2, 2, 8, 8))
    assert len(good) == 2 and findings == [("DATA007", "quarantined")]


def test_masks_come_along_only_where_they_are_wanted():
    buffer = io.BytesIO()
    Image.new("L", (200, 100), 255).save(buffer, "PNG")
    boxes = boxes_of((1, 1, 9, 9), mask=buffer.getvalue()) + boxes_of((2, 2, 9, 9))
    assert [box.mask for box in check(boxes=boxes)[0]] == [None, None]
    good, findings = check(boxes=boxes, masks=True)
    assert [box.mask for box in good] == [buffer.getvalue()] and findings == [("DATA033", "quarantined")]


def test_boxes_of_the_stored_picture_are_turned():
    good, _ = check((20, 10, 100, 50), frame=Frame((200, 100), (100, 200), 6))
    assert corners_of(good[0]) == (0.1, 0.5, 0.5, 0.9)


numbers = st.one_of(
    st.floats(-50, 250),
    st.floats(),
    st.integers(-5, 205).map(float),
    st.sampled_from((0.0, 1.0, 100.0, 200.0)),
)
box_records = st.builds(
    BoxRecord,
    st.just("object"),
    st.sampled_from(("stop", "speed_limit", "STOP", "stopp", "", "background")),
    *(numbers,) * 4,
    difficult=st.booleans(),
    truncated=st.just(False),
    crowd=st.sampled_from((False, False, False, True)),
    mask=st.none(),
    label_id=st.one_of(st.none(), st.integers(-1, 5)),
    problem=st.none(),
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(box_records, max_size=6),
    st.sampled_from([(size, turn) for size in ((200, 100), (1, 1), (3, 900)) for turn in range(1, 9)]),
    st.booleans(),
    st.booleans(),
)
def test_any_boxes(boxes, size_and_turn, shares, fix_case):
    """Whatever the numbers: each box is either written, and then usable, or set aside with one reason."""
    size, turn = size_and_turn
    frame = Frame(size, (size[1], size[0]) if turn >= 5 else size, turn)
    record = ImageRecord("train", "a.jpg", None, None, tuple(boxes), shares=shares)
    options = OPTIONS.model_copy(update={"fix_case": fix_case})
    good, findings = check_boxes(record, frame, LABELS, options)
    ended = [finding for finding in findings if finding.action in ("quarantined", "left out")]
    assert len(boxes) == len(good) + len(ended)
    for box in good:
        assert 0 <= box.ymin < box.ymax <= 1 and 0 <= box.xmin < box.xmax <= 1
        assert (box.xmax - box.xmin) * frame.written[0] > 0.98
        assert (box.ymax - box.ymin) * frame.written[1] > 0.98
        assert box.label_id == LABELS.id_of(box.label)
    assert len({(corners_of(box), box.label) for box in good}) == len(good)
