from __future__ import annotations

import pytest

from components.checkpoint_converter.class_rows import match_classes, no_classes
from detection.config.label_map import LabelMap, LabelMapItem
from detection.errors import BadInput


def labels(*names: str) -> LabelMap:
    return LabelMap(tuple(LabelMapItem(i, name, name) for i, name in enumerate(names, start=1)))


def sources(head) -> list[int | None]:
    return [row.source_id for row in head.rows]


def test_rows_follow_the_names():
    head = match_classes(labels("cat", "dog", "bird"), labels("bird", "fish", "cat", "cow"), 3, 4)
    assert sources(head) == [3, None, 1, None]
    assert head.describe() == "class head: 2 of 4 rows by name"
    assert head.left_behind == ["dog"]
    assert not head.is_unchanged


@pytest.mark.parametrize("name", ["Dog", "DOG", " dog", "dogs"])
def test_nearly_the_same_spelling_is_suggested_and_not_applied(name):
    head = match_classes(labels("cat", "dog"), labels("cat", name), 2, 2)
    assert sources(head) == [1, None]
    assert head.rows[1].suggestion == "dog"


def test_underscores_and_spaces_are_one_in_suggestions():
    head = match_classes(labels("traffic_light"), labels("Traffic Light"), 1, 1)
    assert sources(head) == [None] and head.rows[0].suggestion == "traffic_light"


def test_two_forms_of_one_accent_are_suggested():
    head = match_classes(labels("cafe\u0301"), labels("caf\u00e9"), 1, 1)
    assert sources(head) == [None] and head.rows[0].suggestion == "cafe\u0301"


def test_a_class_that_has_its_row_already_is_no_suggestion():
    head = match_classes(labels("dog"), labels("dog", "dogs", "giraffe"), 1, 3)
    assert [row.suggestion for row in head.rows] == [None, None, None]


def test_display_names_of_the_zoo_count():
    old = LabelMap((LabelMapItem(1, "/m/01g317", "person"), LabelMapItem(2, "/m/0bt9lr", "dog")))
    assert sources(match_classes(old, labels("dog", "person"), 2, 2)) == [2, 1]
    assert sources(match_classes(labels("dog", "person"), old, 2, 2)) == [2, 1]


def test_a_display_name_of_several_classes_says_not_which():
    old = LabelMap((LabelMapItem(1, "Felis catus", "cat"), LabelMapItem(2, "Felis silvestris", "cat")))
    head = match_classes(old, labels("cat", "Felis silvestris"), 2, 2)
    assert sources(head) == [None, 2]
    assert head.rows[0].suggestion == "Felis catus"


def test_a_map_with_gaps_onto_itself_changes_nothing():
    gaps = LabelMap((LabelMapItem(1, "person", "person"), LabelMapItem(4, "train", "train")))
    head = match_classes(gaps, gaps, 5, 5)
    assert head.is_unchanged and sources(head) == [1, 2, 3, 4, 5]


def test_a_named_row_never_fills_a_gap():
    gaps = LabelMap((LabelMapItem(1, "person", "person"), LabelMapItem(3, "train", "train")))
    head = match_classes(labels("person", "dog", "train"), gaps, 3, 3)
    assert sources(head) == [1, None, 3]


def test_without_the_old_map_only_the_number_is_known():
    same = match_classes(None, labels("cat", "dog"), 2, 2)
    assert same.how == "id" and same.is_unchanged
    assert "all 2 rows, taken for the same classes" in same.describe()
    other = match_classes(None, None, 1, 2)
    assert other.how == "fresh" and sources(other) == [None, None]
    assert other.describe().startswith("class head: 0 of 2 rows: the number of classes differs")


def test_a_classifier_has_no_rows_to_give():
    head = no_classes(labels("cat", "dog"), 2)
    assert sources(head) == [None, None] and head.is_unchanged
    assert head.describe() == "class head: 0 of 2 rows: the checkpoint is a classifier"


def test_the_old_map_alone():
    with pytest.raises(BadInput, match="but not the model's"):
        match_classes(labels("cat"), None, 1, 1)


@pytest.mark.parametrize(
    ("before", "after", "whose"), [(1, 2, "the checkpoint has 1"), (2, 1, "the model has 1")]
)
def test_a_map_with_more_ids_than_the_head(before, after, whose):
    with pytest.raises(BadInput, match=f"the label map has the id 2, but {whose} classes"):
        match_classes(labels("cat", "dog"), labels("cat", "dog"), before, after)
