from __future__ import annotations

from pathlib import Path

import pytest

from components.example_gen.records import DataOptions, Finding, ImageRecord, as_options, with_notes
from detection.errors import BadInput


def test_defaults():
    options = as_options({"train": "/a", "label_map": "/b"})
    assert options == DataOptions(train=Path("/a"), label_map=Path("/b"))
    assert options.train == ("/a",) and options.label_map == "/b"
    assert (options.format, options.eval, options.eval_fraction, options.max_quarantined) == (
        "auto",
        None,
        0.2,
        0.05,
    )
    assert as_options(options) is options


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": "labelme"},
        {"eval": []},
        {"spans": 0},
        {"drift": {"action": "ignore"}},
        {"trian": "/x"},
        {"eval_fraction": 1.5},
        {"max_quarantined": -1},
        {"train": None},
    ],
)
def test_wrong_fields_are_named(wrong):
    with pytest.raises(BadInput, match=next(iter(wrong))):
        as_options({"train": "/a", "label_map": "/b", **wrong})


def test_one_path_or_several_and_addresses_stay_whole():
    options = as_options({"train": ["gs://b/a.json", Path("/c")], "test": "/t", "label_map": "/b"})
    assert options.train == ("gs://b/a.json", "/c")
    assert options.given("test") == ("/t",) and options.given("eval") == ()
    assert options.place("eval") == "gs://b/a.json, /c" and options.place("test") == "/t"
    assert as_options(options.model_dump(mode="json")) == options


def test_the_splits_that_are_written():
    plain = {"train": "/a", "label_map": "/b"}
    assert as_options(plain).splits == ("train", "eval")
    assert as_options({**plain, "test": "/t"}).splits == ("train", "eval", "test")
    assert as_options({**plain, "test_fraction": 0.1}).splits == ("train", "eval", "test")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"eval_fraction": 0.5, "test_fraction": 0.5}, "together must be less than 1"),
        ({"eval": "/e", "test_fraction": 0.1}, "leave it out"),
    ],
)
def test_fractions_that_can_not_be(more, said):
    with pytest.raises(BadInput, match=said):
        as_options({"train": "/a", "label_map": "/b", **more})


def test_notes_ride_on_the_first_record():
    note = Finding("data.yaml", None, "DATA029", "ignored", "")
    first, second = with_notes([ImageRecord("", "a", None, None), ImageRecord("", "b", None, None)], [note])
    assert (first.notes, second.notes) == ((note,), ())
    assert with_notes([], [note]) == []


def test_the_frame_of_shares_is_one():
    assert ImageRecord("", "a", None, None, width=4, height=3).frame == (4, 3)
    assert ImageRecord("", "a", None, None, width=4, height=3, shares=True).frame == (1, 1)
