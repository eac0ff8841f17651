"""Parts of the evaluation images."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from components.evaluator.options import SliceOptions
from components.evaluator.slices import ImageFacts, slice_images
from detection.errors import BadInput

FACTS = [
    ImageFacts("eval/night/cam2_001.jpg", 640, 480, 40.0),
    ImageFacts("eval/day/cam1_002.jpg", 480, 640, 130.0),
    ImageFacts("eval/day/cam2_003.jpg", 1920, 1080, 180.0),
    ImageFacts("odd.jpg", 32, 32, 60.0),
]


def found(**option: object) -> dict[str, tuple[int, ...]]:
    return {one.name: one.images for one in slice_images(FACTS, [SliceOptions.model_validate(option)])}


def test_by_folder() -> None:
    assert found(by="folder") == {"folder .": (3,), "folder eval/day": (1, 2), "folder eval/night": (0,)}


def test_by_name_an_image_that_does_not_match_is_in_no_slice() -> None:
    assert found(by="name", pattern=r"(cam\d)_") == {"name cam1": (1,), "name cam2": (0, 2)}
    assert found(by="name", pattern="night|day") == {"name day": (1, 2), "name night": (0,)}


def test_by_name_an_image_without_a_value_is_in_no_slice() -> None:
    assert found(by="name", pattern=r"^odd|cam(\d)_") == {"name 1": (1,), "name 2": (0, 2)}
    assert found(by="name", pattern="x*") == {}


def test_slices_of_several_options_have_names_of_their_own(tmp_path: Path) -> None:
    tables = []
    for place in ("roof", "floor"):
        (tmp_path / f"{place}.csv").write_text("filename,weather\nodd.jpg,sun\n")
        tables.append({"by": "csv", "csv": str(tmp_path / f"{place}.csv"), "column": "weather"})
    options = [
        {"by": "name", "pattern": r"cam(\d)"},
        {"by": "name", "pattern": r"00(\d)"},
        {"by": "size", "edges": [640]},
        {"by": "size", "edges": [640, 1000]},
        {"by": "brightness", "edges": [60]},
        *tables,
    ]
    names = [one.name for one in slice_images(FACTS, [SliceOptions.model_validate(one) for one in options])]
    assert len(names) == len(set(names))
    assert {r"name (cam(\d)) 1", r"name (00(\d)) 1", "size (640) under 640 px", "brightness under 60"} <= {
        *names
    }
    assert {"weather (roof.csv) sun", "weather (floor.csv) sun"} <= {*names}


def test_by_size_of_the_longer_side_in_order() -> None:
    assert list(found(by="size", edges=[640, 1000]).items()) == [
        ("size under 640 px", (3,)),
        ("size 640 to 1000 px", (0, 1)),
        ("size from 1000 px", (2,)),
    ]


def test_by_brightness() -> None:
    assert found(by="brightness", edges=[60]) == {
        "brightness under 60": (0,),
        "brightness from 60": (1, 2, 3),
    }


def test_by_a_column_of_a_csv(tmp_path: Path) -> None:
    table = tmp_path / "weather.csv"
    table.write_text("\ufefffilename,weather\neval/night/cam2_001.jpg,rain\ncam1_002.jpg,sun\nodd.jpg,\n")
    assert found(by="csv", csv=str(table), column="weather") == {"weather rain": (0,), "weather sun": (1,)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("filename,time\na,b\n", "no column `weather`"),
        ("file,weather\na,b\n", "no column `filename`"),
        ("", "no column `filename`"),
        ("filename,weather\nother.jpg,sun\n", "none of the evaluation images has a value"),
        (None, "can't be read"),
    ],
)
def test_a_csv_that_can_not_be_used(tmp_path: Path, text: str | None, said: str) -> None:
    table = tmp_path / "weather.csv"
    if text is not None:
        table.write_text(text)
    with pytest.raises(BadInput, match=said):
        found(by="csv", csv=str(table), column="weather")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"by": "size"}, "needs `edges`"),
        ({"by": "folder", "pattern": "x"}, "needs nothing else"),
        ({"by": "name", "pattern": "("}, "no regular expression"),
        ({"by": "csv", "csv": "a.csv"}, "needs `column` and `csv`"),
        ({"by": "size", "edges": [9, 3]}, "must rise"),
        ({"by": "size", "edges": []}, "at least 1 item"),
        ({"by": "colour"}, "Input should be 'folder'"),
    ],
)
def test_options_that_do_not_go_together(option: dict, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SliceOptions.model_validate(option)
