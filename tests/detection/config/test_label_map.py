"""Label maps: what they hold, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from detection.config.label_map import LabelMap, format_label_map, parse_label_map, read_label_map
from detection.errors import BadInput

ROOT = Path(__file__).resolve().parents[3]
MICROCONTROLLERS = ROOT.parent / "shared/data/datasets/microcontrollers_voc/training/labelmap.pbtxt"

COCO_LIKE = """
item { name: "/m/01g317" id: 1 display_name: "person" }
item { name: "/m/0199g" id: 2 display_name: "bicycle" }
item { name: "/m/0k4j" id: 5 display_name: "car" }
"""

REFUSED = {
    "": ("no classes", ""),
    "item { id: 0 name: 'background' }": ("no classes", ""),
    "item { id: 1 }": ("without a name", "item 1"),
    "item { name: 'a' }": ("without an id", "item 1"),
    "item { id: 0 name: 'cat' }": ("ids start at 1", "'cat'"),
    "item { id: -1 name: 'cat' }": ("ids start at 1", "'cat'"),
    "item { id: 1 name: 'a' } item { id: 1 name: 'b' }": ("id 1 is given to 'a' too", "item 2"),
    "item { id: 1 name: 'a' } item { id: 2 name: 'a' }": ("'a' is given twice", "item 2"),
    "item { id: 1 name: 'a' id: 2 name: 'b' }": ("'id' is given twice", ":1:"),
    "item { id: 1 name: 'a' item { id: 2 name: 'b' } }": ("unknown field 'item'", ":1:24"),
    "items { id: 1 name: 'a' }": ("unknown field 'items'", ":1:1"),
}


def test_ids_names_and_gaps() -> None:
    labels = parse_label_map(COCO_LIKE, "a.pbtxt")
    assert labels.num_classes == 5
    assert labels.names == ["/m/01g317", "/m/0199g", "/m/0k4j"]
    assert labels.id_of("/m/0k4j") == 5
    assert labels.id_of("car") == 5
    assert labels.id_of("Car") is None
    assert labels.name_of(2) == "/m/0199g"
    assert labels.name_of(3) == "class_3"
    assert tuple(labels.items[0]) == (1, "/m/01g317", "person")


def test_items_are_in_the_order_of_their_ids_without_background() -> None:
    text = "item { id: 2 name: 'b' } item { id: 0 name: 'background' } item { id: 1 display_name: 'a' }"
    assert parse_label_map(text, "a").items == ((1, "a", "a"), (2, "b", "b"))


def test_a_name_wins_over_a_display_name() -> None:
    text = "item { id: 1 name: 'x' display_name: 'y' } item { id: 2 name: 'y' }"
    assert parse_label_map(text, "a").id_of("y") == 2


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text: str) -> None:
    what, where = REFUSED[text]
    with pytest.raises(BadInput) as caught:
        parse_label_map(text, "my.pbtxt")
    assert what in caught.value.what
    assert caught.value.where.startswith("my.pbtxt")
    assert where in caught.value.where


def test_formatting_is_reversible() -> None:
    labels = parse_label_map(COCO_LIKE, "a")
    assert parse_label_map(format_label_map(labels), "b") == labels
    assert isinstance(labels, LabelMap)


def test_an_empty_file_is_bad_input(tmp_path: Path) -> None:
    path = tmp_path / "label_map.pbtxt"
    path.touch()
    with pytest.raises(BadInput, match="label map is empty"):
        read_label_map(path)


def test_the_detectors_own_label_maps() -> None:
    demo = read_label_map(ROOT / "detectors/demo/label_map.pbtxt")
    assert demo.names == ["stop", "yield", "speed_limit", "priority_road"]
    assert [item.id for item in demo.items] == [1, 2, 3, 4]
    assert read_label_map(ROOT / "detectors/demo/pedestrian_label_map.pbtxt").names == ["person"]


@pytest.mark.skipif(not MICROCONTROLLERS.is_file(), reason=f"no {MICROCONTROLLERS}")
def test_the_microcontrollers_label_map_is_that_of_the_data() -> None:
    assert read_label_map(ROOT / "detectors/microcontrollers/label_map.pbtxt") == read_label_map(
        MICROCONTROLLERS
    )
