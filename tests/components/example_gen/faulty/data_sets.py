"""Faults of whole data sets: CSV, COCO, YOLO, and the names of files."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.components.example_gen.faulty.case import GOOD, SIZE, data_set, jpeg, voc_xml

# CSV

HEADER = "filename,width,height,class,xmin,ymin,xmax,ymax\n"
ROW = "a.jpg,100,80,cat,10,20,50,60\n"


def _csv(text: str, encoding: str = "utf-8") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / "a.jpg").write_bytes(jpeg(11))
        (folder / "train.csv").write_bytes(text.encode(encoding))
        return folder / "train.csv"

    return write


CSV = [
    data_set(
        "csv_of_a_spreadsheet", "KeyError: filename", _csv(HEADER + ROW, "utf-8-sig"), [], (1, 1), (1, 1)
    ),
    data_set(
        "csv_with_semicolons", "one column only", _csv((HEADER + ROW).replace(",", ";")), [], (1, 1), (1, 1)
    ),
    data_set(
        "csv_image_missing",
        "NotFoundError: b.jpg",
        _csv(HEADER + ROW + ROW.replace("a.jpg", "b.jpg")),
        [("DATA002", "quarantined")],
        (2, 1),
        (2, 1),
    ),
    data_set(
        "csv_of_two_sizes",
        "boxes of one image in two scales",
        _csv(HEADER + ROW + "a.jpg,200,160,dog,20,40,100,120\n"),
        [("DATA013", "quarantined")],
        (1, 0),
        (2, 0),
    ),
    data_set(
        "csv_with_short_rows",
        "ValueError: cannot convert float NaN to integer",
        _csv(HEADER + ROW + "a.jpg,100,80,dog,10\n"),
        [("DATA014", "quarantined")],
        (1, 1),
        (2, 1),
    ),
    data_set(
        "csv_with_decimal_commas",
        "boxes in the wrong places",
        _csv(HEADER + ROW + "a.jpg,100,80,dog,10,5,20,50,60\n"),
        [("DATA013", "quarantined")],
        (1, 1),
        (2, 1),
    ),
    data_set(
        "csv_image_missing_of_two_folders",
        "the boxes of one picture on another",
        lambda folder: (
            (folder / "two").mkdir(),
            (folder / "two" / "b.jpg").write_bytes(jpeg(13)),
            (folder / "one").mkdir(),
            (folder / "one" / "c.jpg").write_bytes(jpeg(14)),
            _csv(HEADER + ROW + ROW.replace("a.jpg", "one/b.jpg") + ROW.replace("a.jpg", "two/b.jpg"))(
                folder
            ),
        )[-1],
        [("DATA002", "quarantined")],
        (3, 2),
        (3, 2),
    ),
    data_set(
        "csv_of_another_machine",
        "NotFoundError: C:\\data\\a.jpg",
        _csv((HEADER + ROW.replace("a.jpg", "C:\\data\\a.jpg")).replace("\n", "\r\n")),
        [],
        (1, 1),
        (1, 1),
    ),
    data_set(
        "csv_names_some_of_the_images",
        "half of the images aren't trained on",
        lambda folder: ((folder / "b.jpg").write_bytes(jpeg(12)), _csv(HEADER + ROW)(folder))[1],
        [("DATA035", "ignored")],
        (1, 1),
        (1, 1),
    ),
]

# COCO

CAT, DOG = {"id": 1, "name": "cat"}, {"id": 3, "name": "dog"}


def _annotation(
    number: int = 1, category: int = 1, box: Sequence[float] = (10, 20, 40, 40), **more: Any
) -> dict:
    return {"id": number, "image_id": 7, "category_id": category, "bbox": list(box), "iscrowd": 0, **more}


def _coco(
    *annotations: dict, images: Sequence[dict] = (), categories: Sequence[dict] = (CAT, DOG)
) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / "a.jpg").write_bytes(jpeg(21))
        listed = [{"id": 7, "file_name": "a.jpg", "width": SIZE[0], "height": SIZE[1]}, *images]
        parts = {"images": listed, "annotations": annotations, "categories": list(categories)}
        (folder / "instances.json").write_text(json.dumps(parts))
        return folder / "instances.json"

    return write


POLYGON = [[10, 20, 50, 20, 50, 60]]
COCO = [
    data_set(
        "coco_ids_with_gaps",
        "class 12 is missing, KeyError: 30",
        _coco(_annotation(category=3)),
        [],
        (1, 1),
        (1, 1),
    ),
    data_set(
        "coco_category_zero_unused",
        "num_classes is one too many",
        _coco(_annotation(), categories=[{"id": 0, "name": "pets"}, {**CAT, "supercategory": "pets"}]),
        [("DATA021", "ignored")],
        (1, 1),
        (1, 1),
    ),
    data_set(
        "coco_category_undeclared",
        "KeyError: 90",
        _coco(_annotation(), _annotation(2, category=90)),
        [("DATA020", "quarantined")],
        (1, 1),
        (2, 1),
    ),
    data_set(
        "coco_crowd",
        "iscrowd boxes are trained on like others",
        _coco(_annotation(), _annotation(2, iscrowd=1)),
        [("DATA030", "left out")],
        (1, 1),
        (2, 1),
    ),
    data_set(
        "coco_nothing_but_a_crowd",
        "a crowd becomes background",
        _coco(_annotation(iscrowd=1)),
        [("DATA030", "left out"), ("DATA015", "left out")],
        (1, 0),
        (1, 0),
    ),
    data_set(
        "coco_image_missing",
        "NotFoundError",
        _coco(_annotation(), _annotation(2, image_id=8), images=[{"id": 8, "file_name": "b.jpg"}]),
        [("DATA002", "quarantined")],
        (2, 1),
        (2, 1),
    ),
    data_set(
        "coco_annotation_of_no_image",
        "KeyError: image_id",
        _coco(_annotation(), _annotation(2, image_id=99)),
        [("DATA002", "quarantined")],
        (2, 1),
        (2, 1),
    ),
    data_set(
        "coco_image_id_twice",
        "Image with id already added",
        _coco(_annotation(), images=[{"id": 7, "file_name": "a.jpg", "width": 100, "height": 80}]),
        [("DATA023", "quarantined")],
        (2, 1),
        (1, 1),
    ),
    data_set(
        "coco_edge_by_half_a_pixel",
        "the script throws the box away",
        _coco(_annotation(box=(60, 20, 40.5, 40))),
        [("DATA006", "clipped")],
        (1, 1),
        (1, 1),
    ),
    data_set(
        "coco_negative_width",
        "xmin is greater than xmax",
        _coco(_annotation(box=(60, 20, -40, 40))),
        [("DATA008", "swapped")],
        (1, 1),
        (1, 1),
    ),
    data_set(
        "coco_bbox_of_three_numbers",
        "ValueError: not enough values to unpack",
        _coco(_annotation(), _annotation(2, box=(1, 2, 3))),
        [("DATA014", "quarantined")],
        (1, 1),
        (2, 1),
    ),
    data_set(
        "coco_masks",
        "nothing, this is as it should be",
        _coco(_annotation(segmentation=POLYGON)),
        [],
        (1, 1),
        (1, 1),
        masks=True,
    ),
    data_set(
        "coco_without_its_mask",
        "decode_png: empty string",
        _coco(_annotation(segmentation=POLYGON), _annotation(2, box=(5, 5, 20, 20), segmentation=[])),
        [("DATA033", "quarantined")],
        (1, 1),
        (2, 1),
        masks=True,
    ),
    data_set(
        "coco_outlines_that_make_no_sense",
        "Segmentation fault",
        _coco(
            _annotation(segmentation=POLYGON),
            _annotation(2, box=(5, 5, 20, 20), segmentation=[[5, 5, 25, 5, 25, float("nan")]]),
            _annotation(3, box=(6, 5, 20, 20), segmentation={"size": [80, 100], "counts": "garbage~~"}),
        ),
        [("DATA033", "quarantined")],
        (1, 1),
        (3, 1),
        masks=True,
    ),
    data_set(
        "coco_run_lengths_of_another_size",
        "the mask has another shape",
        _coco(_annotation(segmentation={"size": [40, 50], "counts": [0, 2000]})),
        [("DATA033", "quarantined"), ("DATA015", "quarantined")],
        (1, 0),
        (1, 0),
        masks=True,
    ),
]

# YOLO


def _yolo(
    text: str, yaml: str = "train: images\nnames: [cat, dog]\n", image: bytes = b""
) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        for part in ("images", "labels"):
            (folder / part).mkdir()
        (folder / "images" / "a.jpg").write_bytes(image or jpeg(31))
        (folder / "labels" / "a.txt").write_text(text)
        (folder / "data.yaml").write_text(yaml)
        return folder / "data.yaml"

    return write


LINE = "0 0.3 0.5 0.4 0.5\n"


def _yolo_with_test(folder: Path) -> Path:
    for split in ("train", "test"):
        (folder / split).mkdir()
        _yolo(LINE, image=jpeg(33 if split == "train" else 34))(folder / split)
        (folder / split / "data.yaml").unlink()
    (folder / "data.yaml").write_text("train: train/images\nnames: [cat, dog]\n")
    return folder / "data.yaml"


YOLO = [
    data_set(
        "yolo_edge_by_rounding",
        "1.0000001 is more than 1",
        _yolo("0 0.8000005 0.5 0.4000000 0.5\n"),
        [],
        (1, 1),
        (1, 1),
    ),
    data_set(
        "yolo_class_without_name",
        "IndexError: list index out of range",
        _yolo(LINE + LINE.replace("0 ", "7 ", 1)),
        [("DATA020", "quarantined")],
        (1, 1),
        (2, 1),
    ),
    data_set(
        "yolo_names_that_only_hold_a_place",
        "the classes are called 0 and 1",
        _yolo(LINE, "train: images\nnames: ['cat', '1']\n"),
        [("DATA021", "ignored")],
        (1, 1),
        (1, 1),
    ),
    data_set(
        "yolo_split_missing",
        "val: No such file or directory",
        _yolo(LINE, "train: images\nval: valid/images\nnames: [cat, dog]\n"),
        [("DATA029", "ignored")],
        (1, 1),
        (1, 1),
    ),
    data_set(
        "yolo_split_unnamed",
        "the test images were never evaluated",
        _yolo_with_test,
        [("DATA037", "ignored")],
        (1, 1),
        (1, 1),
    ),
    data_set(
        "yolo_line_cut_off",
        "could not convert string to float",
        _yolo(LINE + "1 0.5 0.5\n"),
        [("DATA014", "quarantined")],
        (1, 1),
        (2, 1),
    ),
    data_set(
        "yolo_in_pixels",
        "labels are not normalised",
        _yolo(LINE + "1 30 40 20 20\n"),
        [("DATA007", "quarantined")],
        (1, 1),
        (2, 1),
    ),
    data_set(
        "yolo_polygons",
        "the masks are lost",
        _yolo("0 0.1 0.25 0.5 0.25 0.5 0.75\n" + LINE),
        [("DATA033", "quarantined")],
        (1, 1),
        (2, 1),
        masks=True,
    ),
    data_set("yolo_empty_label", "missing labels", _yolo(""), [], (1, 1), (0, 0)),
    data_set(
        "yolo_same_line_twice",
        "duplicate labels removed",
        _yolo(LINE * 2),
        [("DATA022", "quarantined")],
        (1, 1),
        (2, 1),
    ),
]

# Names


def _named(name: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        stem = folder / name.decode("utf-8", "surrogateescape")
        stem.with_suffix(".jpg").write_bytes(jpeg(61))
        stem.with_suffix(".xml").write_text(voc_xml([GOOD]))
        return folder

    return write


NAMES = [
    data_set(
        "name_of_another_script",
        "UnicodeEncodeError: ascii",
        _named("猫 ünd Ëichhörnchen".encode()),
        [],
        (1, 1),
        (1, 1),
    ),
    data_set(
        "name_in_latin_1",
        "surrogates not allowed",
        _named(b"caf\xe9"),
        [("DATA034", "corrected")],
        (1, 1),
        (1, 1),
    ),
    data_set(
        "name_with_a_line_break", "one line of the list becomes two", _named(b"a\nb"), [], (1, 1), (1, 1)
    ),
]

CASES = [*CSV, *COCO, *YOLO, *NAMES]
