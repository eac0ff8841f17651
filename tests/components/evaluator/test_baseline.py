"""The models that a new one is compared with."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.evaluator.baseline import converted_tf1_model, kept_classes, published_version
from detection.config.label_map import LabelMap, LabelMapItem
from detection.errors import BadInput
from tests.components.evaluator.drawn_sets import label_map


def test_classes_are_kept_by_name_or_display_name() -> None:
    tf1 = LabelMap((LabelMapItem(1, "/m/01", "person"), LabelMapItem(2, "car", "car")))
    kept = kept_classes(label_map(stop=1, person=5), tf1)
    assert [(item.name, data_id) for item, data_id in kept] == [("/m/01", 5)]
    assert kept_classes(label_map(person=1), None) == []


def test_a_published_version_has_its_own_label_map(tmp_path: Path) -> None:
    version = tmp_path / "7"
    with pytest.raises(BadInput, match="published version to compare with is not there"):
        published_version(version)
    version.mkdir()
    (version / "saved_model.pb").touch()
    (version / "label_map.pbtxt").write_text("item { id: 1 name: 'stop' }")
    found = published_version(version)
    assert (found.title, found.saved_model) == ("version 7", version)
    assert found.label_map is not None and found.label_map.names == ["stop"]


def test_the_converted_model_may_come_without_a_label_map(tmp_path: Path) -> None:
    found = converted_tf1_model(tmp_path, None, 90)
    assert (found.saved_model, found.label_map, found.num_classes) == (tmp_path / "saved_model", None, 90)
