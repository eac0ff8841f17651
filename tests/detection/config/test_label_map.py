"""Label maps: what they hold, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from detection.config.label_map import LabelMap, format_label_map, parse_label_map, read_label_map
from detection.config.text_fault import TextFault

ROOT = Path(__file__).resolve().parents[3]
MICROCONTROLLERS = ROOT.parent / "shared/data/datasets/microcontrollers_voc/training/labelmap.pbtxt"

COCO_LIKE = """
item { name: "/m/01g317" id: 1 display_name: "person" }
item { name: "/m/0199g" id: 2 display_name: "bicycle" }
item { name: "/m/0k4j" id: 5 display_name: "car" }
"""

# text, code, line:column ("" for none), part of the message
REFUSED = [
    ("", "MAP006", "", "no classes"),
    ("item { id: 0 name: 'background' }", "MAP006", "", "no classes"),
    ("item { id: 1 }", "MAP003", "1:1", "without a name"),
    ("item { id: 1 name: '' }", "MAP003", "1:1", "without a name"),
    ("item { id: 1 name: 'b' }\nitem {\n  name: 'a'\n}", "MAP002", "2:1", "'a' has no id"),
    ("item { id: 0 name: 'cat' }", "MAP001", "1:8", "'cat' has the id 0: label map ids start at 1"),
    ("item {\n  name: 'cat'\n  id: -1\n}", "MAP001", "3:3", "ids start at 1"),
    (
        "item { id: 1 name: 'a' }\nitem { id: 1 name: 'b' }",
        "MAP004",
        "2:8",
        "is given to 'a' too",
    ),
    ("item { id: 1 name: 'a' }\nitem { id: 2 name: 'a' }", "MAP005", "2:14", "'a' is given twice"),
    ("item { id: 1 name: 'a' } item { id: 2 display_name: 'a' }", "MAP005", "1:39", "'a' is given twice"),
    ("item: [ { id: 1 name: 'a' }, { id: 1 name: 'b' } ]", "MAP004", "1:32", "id 1"),
    (
        "item { id: 1 name: 'a' id: 2 name: 'b' }",
        "TXT003",
        "1:24",
        "given twice in one item; each class",
    ),
    ("item { id: 1 name: 'a' item { id: 2 name: 'b' } }", "TXT001", "1:24", "belongs at the top level"),
    ("item {\n  id: 1\n  name: 'a'\n\nitem { id: 2 name: 'b' }", "TXT007", "1:1", "never closed"),
    ("item\n  id: 1\n  name: 'a'\n}", "TXT007", "1:1", "has no {"),
    ("items { id: 1 name: 'a' }", "TXT001", "1:1", "unknown field 'items'"),
    ("item { id: 1 label: 'a' }", "TXT001", "1:14", "unknown field 'label' in item"),
    ("item { id: '1' name: 'a' }", "TXT009", "1:12", "takes a whole number"),
    ("item { id: 1 name: cat }", "TXT010", "1:20", "a text stands in quotes"),
    ("item { id: 1 name: traffic light }", "TXT010", "1:20", "a text stands in quotes"),
    ("item { id: 1 name: \u2018a\u2019 }", "TXT004", "1:20", "curly quotes"),
    ("item { 'id': 1, 'name': 'a' }", "TXT018", "1:8", "names of fields have no quotes"),
    ("model { ssd { } }", "TXT011", "1:1", "a pipeline.config"),
    ("cat\ndog", "TXT011", "1:1", "a plain list of names"),
]


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


@pytest.mark.parametrize(("text", "code", "place", "what"), REFUSED)
def test_refused(text: str, code: str, place: str, what: str) -> None:
    with pytest.raises(TextFault) as caught:
        parse_label_map(text, "my.pbtxt")
    assert caught.value.code == code
    assert what in caught.value.what
    assert caught.value.where == ":".join(filter(None, ("my.pbtxt", place)))
    assert caught.value.fix


@pytest.mark.parametrize(
    "text",
    [
        "item { id: 1, name: 'a', },\nitem { id: 2, name: 'b' },\n",
        "item { id: 1; name: 'a' };item { id: 2; name: 'b' }",
        "item: { id: 1 name: \"a\" } item: { id: 2 name: 'b' }",
        "item: [ { id: 1 name: 'a' }, { id: 2 name: 'b' } ]",
        "item { id: 1 display_name: 'a' }\r\nitem { id: 2 display_name: 'b' }\r\n",
        "# classes\nitem { id: 2 name: 'b' } item { id: 1 name: 'a' }",
    ],
)
def test_other_ways_to_write_the_same(text: str) -> None:
    assert parse_label_map(text, "a").items == ((1, "a", "a"), (2, "b", "b"))


def test_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "label_map.pbtxt"
    path.write_bytes(b"\xef\xbb\xbfitem { id: 1 name: 'a' }")
    assert read_label_map(path).names == ["a"]


def test_formatting_is_reversible() -> None:
    labels = parse_label_map(COCO_LIKE, "a")
    assert parse_label_map(format_label_map(labels), "b") == labels
    assert isinstance(labels, LabelMap)


def test_an_empty_file_is_bad_input(tmp_path: Path) -> None:
    path = tmp_path / "label_map.pbtxt"
    path.touch()
    with pytest.raises(TextFault, match="TXT013 label map is empty"):
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


def test_names_that_the_eye_takes_for_the_same() -> None:
    labels = parse_label_map("item { id: 1 name: 'caf\u00e9' } item { id: 2 name: 'CAF\u00c9' }", "l")
    assert [item.id for item in labels.alike(" Cafe\u0301")] == [1, 2]
    assert labels.alike("cafe") == ()
