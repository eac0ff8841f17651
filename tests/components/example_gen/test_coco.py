from __future__ import annotations

import io
import json
import math

import numpy as np
import pytest
from PIL import Image

from components.example_gen.coco import find_json, read_coco
from components.example_gen.frame import Frame
from components.example_gen.masks import fit_mask
from components.example_gen.read import read_split
from components.example_gen.tree import Tree
from detection.errors import BadInput


@pytest.fixture
def coco(tmp_path, jpeg):
    """Writes annotations/instances_train.json and its images."""

    def write(
        images=None, annotations=None, categories=None, file="annotations/instances_train.json", **more
    ):
        images = images or [{"id": 7, "file_name": "a.jpg", "width": 100, "height": 80}]
        categories = categories or [{"id": 1, "name": "cat"}, {"id": 90, "name": "dog"}]
        (tmp_path / "train").mkdir(exist_ok=True)
        for image in images:
            (tmp_path / "train" / str(image.get("file_name", "x")).split("/")[-1]).write_bytes(jpeg())
        (tmp_path / file).parent.mkdir(exist_ok=True)
        data = {"images": images, "annotations": annotations or [], "categories": categories, **more}
        (tmp_path / file).write_text(json.dumps(data))
        return str(tmp_path / file)

    return write


def box_of(**more):
    return {"id": 1, "image_id": 7, "category_id": 90, "bbox": [10, 20, 30, 40], "iscrowd": 0, **more}


def test_boxes_become_corners(coco, tmp_path):
    file = coco(annotations=[box_of(), box_of(id=2, category_id=1, bbox=[0, 0, 0.5, 1e1], iscrowd=1)])
    (record,) = read_coco(file, "train")
    assert (record.name, record.split, record.width, record.height) == ("a.jpg", "train", 100, 80)
    assert record.source.path == str(tmp_path / "train" / "a.jpg") and record.annotation == file
    first, second = record.boxes
    assert (first.place, first.label, first.xmin, first.ymin, first.xmax, first.ymax) == (
        "annotation 1",
        "dog",
        10,
        20,
        40,
        60,
    )
    assert (second.label, second.xmax, second.crowd, first.crowd) == ("cat", 0.5, True, False)


def test_ids_as_text_are_the_same_ids(coco):
    images = [{"id": "7", "file_name": "a.jpg"}]
    (record,) = read_coco(coco(images, [box_of(category_id="90")]), "")
    assert record.boxes[0].label == "dog" and record.boxes[0].problem is None
    assert (record.width, record.height) == (0, 0)


def test_images_without_objects_stay(coco):
    (record,) = read_coco(coco(), "")
    assert record.boxes == () and record.annotation is not None


def test_what_does_not_fit_together_is_kept_and_named(coco, tmp_path):
    images = [{"id": i, "file_name": f"{i}.jpg"} for i in (1, 2)] + [{"id": 1, "file_name": "3.jpg"}]
    annotations = [box_of(image_id=1, category_id=4), box_of(id=2, image_id=99), box_of(id=3, image_id=2)]
    file = coco(images, annotations)
    (tmp_path / "train" / "2.jpg").unlink()
    one, two, three, orphan = read_coco(file, "")
    assert one.boxes[0].problem.code == "DATA020" and "category_id 4" in one.boxes[0].problem.detail
    assert two.source is None and len(two.boxes) == 1
    assert three.problem.code == "DATA023" and three.boxes == ()
    assert orphan.name == "image_id 99" and orphan.source is None and len(orphan.boxes) == 1
    assert sum(len(r.boxes) for r in (one, two, three, orphan)) == len(annotations)


@pytest.mark.parametrize("box", [None, [], [1, 2, 3], [1, 2, "x", 4], [None] * 4, {"x": 1}])
def test_a_box_that_is_none_becomes_nan(coco, box):
    (record,) = read_coco(coco(annotations=[box_of(bbox=box)]), "")
    assert math.isnan(record.boxes[0].xmax)


def test_placeholders_are_noted_only_where_they_hold_a_place(coco):
    categories = [
        {"id": 0, "name": "pets", "supercategory": "none"},
        {"id": 1, "name": "cat", "supercategory": "pets"},
        {"id": 2, "name": "unused", "supercategory": "pets"},
    ]
    (record,) = read_coco(coco(annotations=[box_of(category_id=1)], categories=categories), "")
    assert [(n.code, n.object) for n in record.notes] == [("DATA021", "category 0")]
    (record,) = read_coco(coco(annotations=[box_of(category_id=0)], categories=categories), "")
    assert record.notes == ()


SQUARE = np.zeros((80, 100), np.uint8)
SQUARE[20:60, 10:40] = 255


@pytest.mark.parametrize(
    "segmentation",
    [
        [[10, 20, 40, 20, 40, 60, 10, 60]],
        {"size": [80, 100], "counts": [10 * 80 + 20] + [40, 40] * 29 + [40, 60 * 80 + 20]},
    ],
    ids=["polygon", "runs"],
)
def test_masks(coco, segmentation):
    file = coco(annotations=[box_of(segmentation=segmentation)])
    (record,) = read_coco(file, "", masks=True)
    with Image.open(io.BytesIO(fit_mask(record.boxes[0].mask, Frame((100, 80), (100, 80))))) as image:
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image), SQUARE)
    assert read_coco(file, "")[0].boxes[0].mask is None


@pytest.mark.parametrize("segmentation", [[], "", None, 7, "polygon", [[1, 2]], {"counts": "x"}])
def test_a_box_stays_whatever_its_segmentation_is(coco, segmentation):
    (record,) = read_coco(coco(annotations=[box_of(segmentation=segmentation)]), "", masks=True)
    assert record.boxes[0].xmax == 40 and bool(record.boxes[0].mask) == bool(segmentation)


def test_an_id_of_two_names_is_refused(coco):
    categories = [{"id": 1, "name": "cat"}, {"id": 1.0, "name": "dog"}]
    with pytest.raises(BadInput, match="two categories have the id 1: 'cat' and 'dog'"):
        read_coco(coco(annotations=[box_of()], categories=categories), "")
    (record,) = read_coco(coco(annotations=[box_of(category_id=1)], categories=[categories[0]] * 2), "")
    assert record.boxes[0].label == "cat"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"images": [', "can't be read"),
        ("[]", "COCO's results"),
        ('{"images": [], "annotations": []}', "no list of categories"),
        ('{"images": [1], "annotations": [], "categories": []}', "an entry of images is no object"),
        ("7", "no list of images, annotations, categories"),
        ("[" + "1" * 5000 + "]", "Exceeds the limit"),
    ],
)
def test_other_json_is_refused(tmp_path, text, said):
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(BadInput, match=said):
        read_coco(str(file), "")


def test_which_files_of_a_folder_are_instances(coco, tmp_path):
    file = coco()
    for other in ("captions_train.json", "person_keypoints_train.json", "panoptic_train.json"):
        coco(file=f"annotations/{other}")
    (tmp_path / "annotations" / "labelme.json").write_text('{"shapes": [], "imagePath": "a.jpg"}')
    (tmp_path / "annotations" / "list.json").write_text("[]")
    notes = {"categories": [{"id": 0, "name": "cat"}], "info": {"contributor": "Label Studio"}}
    (tmp_path / "annotations" / "notes.json").write_text(json.dumps(notes))
    assert find_json(Tree.at(str(tmp_path))) == [file]
    long, cut = (tmp_path / "annotations" / name for name in ("long.json", "cut.json"))
    long.write_text(json.dumps({"info": "x" * 70_000, "images": [], "annotations": []}))
    cut.write_text('{"images": [{"id": 1')
    assert find_json(Tree.at(str(tmp_path))) == [str(cut), file, str(long)]


def test_several_files_with_the_same_names(coco, tmp_path, jpeg):
    for part in ("one", "two"):
        (tmp_path / "data" / part).mkdir(parents=True)
        (tmp_path / "data" / part / "a.jpg").write_bytes(jpeg())
        coco(annotations=[box_of()], file=f"{part}.json")
        (tmp_path / f"{part}.json").rename(tmp_path / "data" / part / "_annotations.coco.json")
    records = read_split(tmp_path / "data", "auto", "")
    assert [(r.name, len(r.boxes)) for r in records] == [("one/a.jpg", 1), ("two/a.jpg", 1)]


def test_windows_paths_and_folders_of_another_machine(coco, tmp_path):
    images = [{"id": 1, "file_name": "C:\\photos\\a.jpg"}, {"id": 2, "file_name": "/content/data/b.jpg"}]
    file = coco([{"id": 0, "file_name": "a.jpg"}, {"id": 0, "file_name": "b.jpg"}])
    (tmp_path / "annotations" / "instances_train.json").write_text(
        json.dumps({"images": images, "annotations": [], "categories": []})
    )
    assert {r.source.path for r in read_coco(file, "")} == {f"{tmp_path}/train/{n}.jpg" for n in "ab"}


def test_unlisted_pictures_are_counted(coco, tmp_path, jpeg):
    file = coco()
    (tmp_path / "train" / "more.jpg").write_bytes(jpeg())
    (record,) = read_coco(file, "")
    assert [(note.code, note.action) for note in record.notes] == [("DATA035", "ignored")]


def test_no_image_anywhere(tmp_path):
    file = tmp_path / "x.json"
    file.write_text(
        json.dumps({"images": [{"id": 1, "file_name": "a"}], "annotations": [], "categories": []})
    )
    with pytest.raises(BadInput, match="none of the images that x.json names"):
        read_coco(str(file), "")
