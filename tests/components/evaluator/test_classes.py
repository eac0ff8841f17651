"""Class ids are mapped by name."""

from __future__ import annotations

from components.evaluator.classes import map_classes
from detection.config.label_map import LabelMap, LabelMapItem


def label_map(**ids: int) -> LabelMap:
    return LabelMap(tuple(LabelMapItem(i, name, name) for name, i in ids.items()))


def test_ids_that_moved_follow_their_names() -> None:
    mapping = map_classes(label_map(stop=1, yield_=2), label_map(yield_=1, stop=2))
    assert mapping.to_data == {1: 2, 2: 1}
    assert mapping.notes == []


def test_what_does_not_correspond_is_said() -> None:
    mapping = map_classes(label_map(stop=1, speed=2), label_map(stop=3, person=1))
    assert mapping.to_data == {3: 1}
    assert mapping.notes == [
        "It does not know speed; that scores 0.",
        "It also knows person, which the evaluation set's label map lacks: not measured.",
    ]


def test_names_that_differ_by_case_are_two_classes_and_it_is_said() -> None:
    mapping = map_classes(label_map(stop=1, speed=2), label_map(Stop=1, speed=2))
    assert mapping.to_data == {2: 2}
    assert mapping.notes[:1] == ["It does not know stop; that scores 0."]
    assert mapping.notes[-1].startswith("Its Stop and the data's stop differ by case or spaces alone")


def test_zoo_names_are_found_by_display_name() -> None:
    zoo = LabelMap((LabelMapItem(1, "/m/01g317", "person"), LabelMapItem(10, "/m/015qff", "traffic light")))
    assert map_classes(label_map(person=4), zoo).to_data == {1: 4}
    assert map_classes(zoo, label_map(person=4)).to_data == {4: 1}


def test_long_lists_are_cut() -> None:
    many = label_map(**{f"class{i}": i for i in range(1, 91)})
    (note,) = map_classes(label_map(class1=1), many).notes
    assert "class9 and 81 more" in note


def test_without_a_label_map_equal_counts_are_taken_as_equal_ids() -> None:
    mapping = map_classes(label_map(stop=1, speed=2), None, 2)
    assert mapping.to_data == {1: 1, 2: 2}
    assert "taken as those of the data" in mapping.notes[0]


def test_without_a_label_map_other_counts_map_nothing() -> None:
    for count in (1, None):
        mapping = map_classes(label_map(stop=1, speed=2), None, count)
        assert mapping.to_data == {}
        assert "every class scores 0" in mapping.notes[0]
