"""Reads COCO's JSON of instances: images, annotations, categories."""

from __future__ import annotations

import json
import math
import posixpath
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from components.example_gen import file_systems
from components.example_gen.fields import text_of
from components.example_gen.listed_images import Pictures
from components.example_gen.records import BoxRecord, Finding, ImageRecord, Outline, with_notes
from components.example_gen.tree import Tree
from detection.errors import BadInput

PARTS = ("images", "annotations", "categories")
# COCO's other files, that have no boxes of their own or the same ones again.
OTHER_TASKS = ("captions_", "panoptic_", "stuff_", "image_info_", "person_keypoints_")

HEAD = 1 << 16  # bytes
_NUMBERS = (float, int)


def find_json(tree: Tree) -> list[str]:
    """The whole paths of the JSON files of a folder that can be COCO's instances."""
    files = [
        f
        for f in tree.with_suffix(".json")
        if not posixpath.basename(f).lower().startswith(OTHER_TASKS) and "via_" not in f.lower()
    ]
    return [tree.path(file) for file in files if _looks_right(tree.path(file))]


def read_coco(file: str, split: str, masks: bool = False) -> list[ImageRecord]:
    """The records of one JSON, in the order of the images' names.

    The JSON is the list of the data set, as with a CSV. An annotation of an image that the JSON doesn't list
    is a record without image. A box that names an undeclared category carries its `problem`.

    Args:
      masks: whether each box gets its polygons or run lengths.

    Raises:
      BadInput: no JSON, or not of this kind.
    """
    data = _load(file)
    by_image: dict[str, list[dict[str, Any]]] = {}
    for annotation in data["annotations"]:
        by_image.setdefault(_id(annotation.get("image_id")), []).append(annotation)
    names = _names(data["categories"], file)
    entries = [(str(image.get("file_name") or ""), image) for image in data["images"]]
    pictures = Pictures.beside(file, [name for name, _ in entries])
    records = []
    seen: set[str] = set()
    for name, image in sorted(entries, key=lambda entry: (entry[0], _id(entry[1].get("id")))):
        image_id = _id(image.get("id"))
        annotations = [] if image_id in seen else by_image.get(image_id, [])
        problem = None
        if image_id in seen:
            detail = f"{posixpath.basename(file)} gives the image id {image_id} twice"
            problem = Finding(name, None, "DATA023", "quarantined", detail)
        seen.add(image_id)
        size = (_size(image.get("width")), _size(image.get("height")))
        boxes = tuple(_box(name, annotation, names, masks) for annotation in annotations)
        records.append(ImageRecord(split, name, pictures.source(name), file, boxes, *size, problem))
    for image_id, annotations in by_image.items():
        if image_id not in seen:
            name = f"image_id {image_id}"
            boxes = tuple(_box(name, annotation, names, False) for annotation in annotations)
            records.append(ImageRecord(split, name, None, file, boxes))
    return pictures.noted(_with_placeholders(records, data, file))


def _looks_right(file: str) -> bool:
    """Whether the JSON, or the first part of a long one, says that it is COCO's."""
    head = file_systems.read_start(file, HEAD)
    if len(head) < HEAD:
        with suppress(ValueError, RecursionError):  # cut off, it may be COCO's all the same
            data = json.loads(text_of(head))
            return isinstance(data, dict) and {"images", "annotations"} <= set(data)
    if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return False
    keys = [f'"{part}"'.encode() for part in (*PARTS, "licenses", "info")]
    return any(key in head for key in keys) and b'"_via_' not in head


def _load(file: str) -> dict[str, list[dict[str, Any]]]:
    try:
        data = json.loads(text_of(file_systems.read_bytes(file)))
    except UnicodeDecodeError as error:
        raise BadInput("the JSON isn't UTF-8", file, "save it as UTF-8") from error
    except RecursionError as error:
        raise BadInput("the JSON can't be read: it is nested too deep", file, "export it anew") from error
    except json.JSONDecodeError as error:
        place = f"{file}:{error.lineno}:{error.colno}"
        raise BadInput(f"the JSON can't be read: {error.msg}", place, "export it anew, whole") from error
    except ValueError as error:  # a number of thousands of digits
        raise BadInput(f"the JSON can't be read: {error}", file, "export it anew") from error
    if isinstance(data, list):
        raise BadInput("this is a list: COCO's results, not its annotations", file, "name the annotations")
    missing = [part for part in PARTS if not isinstance(data, dict) or not isinstance(data.get(part), list)]
    if missing:
        fix = "name a JSON of object instances, for example instances_train.json"
        raise BadInput(f"the JSON has no list of {', '.join(missing)}", file, fix)
    for part in PARTS:
        if not all(isinstance(entry, dict) for entry in data[part]):
            raise BadInput(f"an entry of {part} is no object", file, "export it anew")
    return data


def _box(name: str, annotation: Mapping[str, Any], names: Mapping[str, str], masks: bool) -> BoxRecord:
    place = f"annotation {annotation.get('id', '?')}"
    category = _id(annotation.get("category_id"))
    box = annotation.get("bbox")
    x, y, width, height = map(_number, box if isinstance(box, list) and len(box) == 4 else [None] * 4)
    segmentation = annotation.get("segmentation")
    mask = Outline(json.dumps(segmentation)) if masks and segmentation else None
    problem = None
    if category not in names:
        detail = f"category_id {category} isn't among the JSON's categories"
        problem = Finding(name, place, "DATA020", "quarantined", detail)
    return BoxRecord(
        place,
        names.get(category, ""),
        x,
        y,
        x + width,
        y + height,
        False,
        False,
        bool(annotation.get("iscrowd")),
        mask,
        None,
        problem,
    )


def _names(categories: list[dict[str, Any]], file: str) -> dict[str, str]:
    """Id -> name. Raises BadInput for an id of two names: nobody knows which one an object has."""
    names: dict[str, str] = {}
    for category in categories:
        number, name = _id(category.get("id")), str(category.get("name", ""))
        if names.setdefault(number, name) != name:
            what = f"two categories have the id {number}: '{names[number]}' and '{name}'"
            raise BadInput(what, file, "give each category an id of its own, and its objects that id")
    return names


def _id(value: object) -> str:
    """An id for comparing: some tools write "7" in one place and 7 in another."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _number(value: object) -> float:
    if type(value) is float:  # nearly all of them
        return value
    try:
        return float(value) if isinstance(value, _NUMBERS) and not isinstance(value, bool) else math.nan
    except OverflowError:  # a whole number of hundreds of digits
        return math.nan


def _size(value: object) -> int:
    number = _number(value)
    return int(number) if math.isfinite(number) and number > 0 else 0


def _with_placeholders(
    records: list[ImageRecord], data: dict[str, list[dict[str, Any]]], file: str
) -> list[ImageRecord]:
    """Notes the categories that only head others and have no object, as annotation services add them."""
    used = Counter(_id(annotation.get("category_id")) for annotation in data["annotations"])
    heads = {str(category.get("supercategory")) for category in data["categories"]}
    notes = [
        Finding(
            posixpath.basename(file),
            f"category {category.get('id')}",
            "DATA021",
            "ignored",
            f"'{category.get('name')}' heads other categories and has no object",
        )
        for category in data["categories"]
        if not used[_id(category.get("id"))] and str(category.get("name")) in heads
    ]
    return with_notes(records, notes)
