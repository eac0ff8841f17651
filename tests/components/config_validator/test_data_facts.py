"""Facts about data sets, from their annotations alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.config_validator.data_facts import facts_of, read_data_facts
from components.example_gen.records import BoxRecord, ContextPlace, ImageRecord
from detection.errors import BadInput

DATA = Path(__file__).resolve().parents[4] / "shared/data/datasets"


def folder_of(*parts: str) -> Path:
    folder = DATA.joinpath(*parts)
    if not folder.exists():
        pytest.skip(f"test data absent: {folder}")
    return folder


def box(xmin: float, ymin: float, xmax: float, ymax: float, label: str = "a") -> BoxRecord:
    return BoxRecord("object 1", label, xmin, ymin, xmax, ymax)


def record(*boxes: BoxRecord, split: str = "", width: int = 200, height: int = 100) -> ImageRecord:
    return ImageRecord(split, "a.jpg", None, "a.xml", boxes, width, height)


def test_pascal_voc() -> None:
    images = folder_of("microcontrollers_voc", "images")
    facts = read_data_facts(images / "train", images / "test")
    assert (facts.images, facts.images_train, facts.images_eval) == (149, 142, 7)
    assert facts.boxes == sum(facts.boxes_by_class.values()) == 177
    assert set(facts.boxes_by_class) == {"Arduino_Nano", "ESP8266", "Heltec_ESP32_Lora", "Raspberry_Pi_3"}
    assert facts.image_sizes == ((800, 600),)
    assert len(facts.box_sizes) == len(facts.box_centers) == 177
    assert (facts.masks, facts.keypoints, facts.boxes_by_id) == (False, False, {})
    assert facts.path == str(images / "train")


def test_yolo_may_have_polygons() -> None:
    facts = read_data_facts(folder_of("cone_cube_yolo"))
    assert (facts.images, facts.masks, facts.keypoints) == (187, None, False)


def test_coco() -> None:
    facts = read_data_facts(folder_of("rbc_coco", "train"))
    assert (facts.images, facts.images_train, facts.images_eval) == (210, None, None)
    assert facts.image_sizes == ((416, 416),)
    assert facts.boxes_of_densest == 33
    assert (facts.masks, facts.keypoints) == (None, None)  # they were not asked for


def test_tfrecords() -> None:
    facts = read_data_facts(folder_of("pets_tfrecord", "pets_examples.record"))
    assert (facts.images, facts.boxes, facts.max_label_id) == (10, 10, 37)
    assert all(0 < side <= 1 for size in facts.box_sizes for side in size)


def test_sizes_are_shares_of_the_image() -> None:
    facts = facts_of([record(box(20, 10, 60, 30))], "d")
    assert facts.box_sizes == ((0.2, 0.2),)
    assert facts.box_centers == ((0.2, 0.2),)
    shares = record(box(0.1, 0.2, 0.3, 0.8), width=0, height=0)._replace(shares=True)
    ((width, height),) = facts_of([shares], "d").box_sizes
    assert (width, height) == (pytest.approx(0.2), pytest.approx(0.6))


def test_what_has_no_size_is_counted_and_not_measured() -> None:
    boxes = (box(float("nan"), 0, 1, 1), box(10, 10, 10, 30), box(-900, 0, 900, 50), box(90, 30, 50, 10))
    facts = facts_of([record(*boxes), record(box(1, 1, 9, 9), width=0)], "d")
    assert facts.boxes == 5
    assert facts.box_sizes == ((0.2, 0.2),)  # of the reversed corners, which are swapped
    assert facts.image_sizes == ((200, 100),)


def test_ids_without_names() -> None:
    boxes = (
        box(0, 0, 9, 9, "")._replace(label_id=3),
        box(0, 0, 9, 9, "")._replace(label_id=3),
        box(0, 0, 9, 9, "cat")._replace(label_id=7),
        box(0, 0, 9, 9, ""),
    )
    facts = facts_of([record(*boxes)], "d")
    assert facts.boxes_by_id == {3: 2}
    assert facts.boxes_by_class == {"cat": 1, "": 1}
    assert (facts.max_label_id, facts.boxes) == (7, 4)


def test_splits_and_masks() -> None:
    masked = box(0, 0, 9, 9)._replace(mask=b"png")
    records = [record(split="train"), record(masked, masked, split="eval"), record(split="test")]
    facts = facts_of(records, "d")
    assert (facts.images, facts.images_train, facts.images_eval, facts.masks) == (3, 1, 1, True)
    assert facts.boxes_of_densest == 2
    assert facts_of([*records, record()], "d").images_train is None


def test_lengths_of_context_features() -> None:
    none = record()
    some = [none._replace(context=ContextPlace(12, 30, length)) for length in (16, 8, 16)]
    assert facts_of([none, none], "d").context_lengths == ()
    assert facts_of([none, *some], "d").context_lengths == (8, 16)


def test_the_sample_of_boxes_is_bounded_and_repeatable() -> None:
    records = [record(*(box(0, 0, 1 + i % 99, 9) for i in range(250)))] * 100
    facts = facts_of(records, "d")
    assert facts.boxes == 25_000
    assert len(facts.box_sizes) == len(facts.box_centers) == 20_000
    assert facts_of(records, "d") == facts


def test_data_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        read_data_facts(tmp_path / "nowhere")
