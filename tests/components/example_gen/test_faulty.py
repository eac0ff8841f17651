"""Faulty inputs, made after what people report: each gets its code, and nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from components.example_gen.encode import examine
from components.example_gen.read import read_dataset
from components.example_gen.records import as_options
from components.example_gen.rules import RULES
from detection.config.label_map import LabelMap, LabelMapItem
from tests.components.example_gen.faulty import data_sets, images, objects, tfrecords
from tests.components.example_gen.faulty.case import Case

LABELS = LabelMap((LabelMapItem(1, "cat", "cat"), LabelMapItem(2, "dog", "dog")))
CASES = [*images.CASES, *objects.CASES, *data_sets.CASES, *tfrecords.CASES]
# Codes that only a comparison of several images gives; test_several_images has them.
OF_SEVERAL = {"DATA011", "DATA024"}


def account(case: Case, folder):
    options = as_options({"train": str(case.write(folder, "a")), "label_map": "labels.pbtxt", **case.options})
    return [examine(record, options, LABELS) for record in read_dataset(options)]


def test_there_are_enough_and_every_code_is_among_them():
    assert len(CASES) >= 50 and len({case.name for case in CASES}) == len(CASES)
    found = {code for case in CASES for code, _ in case.findings}
    assert found | OF_SEVERAL == set(RULES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_code_and_the_totals(case, tmp_path):
    outcomes = account(case, tmp_path)
    found = {(finding.code, finding.action) for outcome in outcomes for finding in outcome.findings}
    assert sorted(found) == list(case.findings)
    written = [outcome for outcome in outcomes if outcome.example is not None]
    assert (len(outcomes), len(written)) == case.images
    assert (sum(o.boxes_read for o in outcomes), sum(len(o.boxes) for o in written)) == case.boxes
    for outcome in outcomes:
        require_reasons(outcome)
    for outcome in written:
        require_trainable(outcome)


def require_reasons(outcome):
    """What isn't written has a finding that says why: one for an image, or one for each box."""
    aside = [f for f in outcome.findings if f.action in ("quarantined", "left out")]
    of_boxes = [f for f in aside if f.object]
    if outcome.example is None:
        assert len(aside) - len(of_boxes) == 1
    else:
        assert len(of_boxes) == len(aside) == outcome.boxes_read - len(outcome.boxes)


def require_trainable(outcome):
    """TensorFlow decodes what is written, to the size that is stated, and boxes lie inside."""
    feature = tf.train.Example.FromString(outcome.example).features.feature
    encoded = feature["image/encoded"].bytes_list.value[0]
    pixels = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    assert pixels.dtype == tf.uint8 and pixels.shape[:2] == outcome.size[::-1]
    assert feature["image/width"].int64_list.value[:] == [outcome.size[0]]
    kind = b"jpeg" if encoded[:2] == b"\xff\xd8" else b"png"
    assert feature["image/format"].bytes_list.value[:] == [kind]
    corners = np.array(
        [feature[f"image/object/bbox/{side}"].float_list.value for side in ("ymin", "xmin", "ymax", "xmax")]
    )
    assert corners.shape == (4, len(outcome.boxes)) and ((corners >= 0) & (corners <= 1)).all()
    assert (corners[:2] < corners[2:]).all()
    if "image/object/mask" in feature:
        for mask in feature["image/object/mask"].bytes_list.value:
            assert tf.io.decode_png(mask, channels=1).shape[:2] == outcome.size[::-1]


def test_the_boxes_of_turned_and_resized_images_stay_on_their_objects(tmp_path):
    """The box covers x 0.1 to 0.5, y 0.25 to 0.75 of the picture that it was drawn in."""
    expected = {
        "orientation_6_boxes_drawn_on_the_stored_picture": (0.1, 0.25, 0.5, 0.75),
        "orientation_6_boxes_drawn_upright": (0.2, 0.125, 0.6, 0.625),
        "orientation_3_boxes_drawn_upright": (0.25, 0.1, 0.75, 0.5),
        "resized_after_annotating": (0.25, 0.1, 0.75, 0.5),
        "resized_and_turned": (0.1, 0.25, 0.5, 0.75),
        "png_read_smaller": (0.25, 0.1, 0.75, 0.5),
    }
    for case in CASES:
        if case.name in expected:
            folder = tmp_path / case.name
            folder.mkdir()
            (box,) = account(case, folder)[0].boxes
            np.testing.assert_allclose((box.ymin, box.xmin, box.ymax, box.xmax), expected.pop(case.name))
    assert not expected
