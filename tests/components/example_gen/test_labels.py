from __future__ import annotations

import unicodedata

import pytest

from components.example_gen.labels import class_of, unknown_label
from components.example_gen.records import BoxRecord
from components.example_gen.remarks import SetAside
from detection.config.label_map import LabelMap, LabelMapItem

LABELS = LabelMap(
    (
        LabelMapItem(1, "stop", "Stop sign"),
        LabelMapItem(2, "Café", "Café"),
        LabelMapItem(3, "speed_limit", "speed_limit"),
        LabelMapItem(7, "US", "US"),
        LabelMapItem(8, "us", "us"),
    )
)


def find(label, label_id=None, fix_case=False):
    remarks = []
    found = class_of(BoxRecord("object 1", label, 0, 0, 1, 1, label_id=label_id), LABELS, fix_case, remarks)
    return found, [(remark.code, remark.action) for remark in remarks]


@pytest.mark.parametrize("label, label_id, found", [("stop", None, 1), ("Stop sign", None, 1), ("US", 7, 7)])
def test_a_known_label(label, label_id, found):
    assert find(label, label_id) == (found, [])


def test_an_id_without_name():
    assert find("", 3) == (3, [])


def test_the_name_counts_where_name_and_id_disagree():
    assert find("stop", 3) == (1, [("DATA031", "kept")])


@pytest.mark.parametrize("label", ["Stop", " STOP ", "ＳＴＯＰ"])
def test_case_is_corrected_where_the_options_allow(label):
    assert find(label, fix_case=True) == (1, [("DATA026", "corrected")])
    with pytest.raises(SetAside, match="'stop' is; data.fix_case") as caught:
        find(label)
    assert (caught.value.remark.code, caught.value.remark.action) == ("DATA026", "quarantined")


def test_the_two_unicode_forms_of_an_accent():
    assert find(unicodedata.normalize("NFD", "Café"), fix_case=True) == (2, [("DATA026", "corrected")])


def test_case_that_fits_two_classes_is_never_corrected():
    with pytest.raises(SetAside, match="'US' and 'us' are") as caught:
        find("Us", fix_case=True)
    assert caught.value.remark.code == "DATA026"


@pytest.mark.parametrize(
    "label, label_id, code, detail",
    [
        ("Stopp", None, "DATA010", "did you mean 'stop'"),
        ("stopp", 1, "DATA010", "did you mean 'stop'"),  # an unknown name isn't overruled by an id
        ("", None, "DATA010", "no label"),
        ("", 0, "DATA020", "id 0, the label map has 1-3, 7-8; ids of a label map start at 1"),
        ("", 4, "DATA020", "id 4, the label map has 1-3, 7-8"),
        ("", -1, "DATA020", "id -1"),
    ],
)
def test_no_class(label, label_id, code, detail):
    with pytest.raises(SetAside, match=detail) as caught:
        find(label, label_id, fix_case=True)
    assert (caught.value.remark.code, caught.value.remark.action) == (code, "quarantined")


def test_the_nearest_spelling():
    assert unknown_label("SPEED-LIMIT", LABELS).endswith("did you mean 'speed_limit'?")
    assert unknown_label("qqqq", LABELS).endswith("it has stop, Café, speed_limit, US, us")
