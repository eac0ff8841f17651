"""Sets of groundtruth and detections: drawn at random with all that is special, and made of real labels."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pycocotools import mask

from components.evaluator.detections import ImageDetections
from detection.config.label_map import LabelMap, LabelMapItem

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "datasets"


def label_map(**ids: int) -> LabelMap:
    return LabelMap(tuple(LabelMapItem(i, name, name.title()) for name, i in ids.items()))


LABELS = label_map(a=1, b=2, c=5, never=7)


PLACES = np.array([[0.1 * i, 0.1, 0.1 * i + 0.08, 0.5] for i in range(10)], np.float32)
CORNERS = np.array([[0.1, 0.1, 0.3, 0.3], [0.5, 0.5, 0.9, 0.9], [0.1, 0.6, 0.3, 0.8]], np.float32)


def image_of(
    truth: list[int],
    found: list[int],
    scores: list[float],
    classes: list[int] | None = None,
    *,
    places: np.ndarray = PLACES,
    size: tuple[int, int] = (300, 400),
    **flags: list[bool],
) -> ImageDetections:
    """Objects of class 1 at `places[truth]`, with `flags` such as crowd; detections at `places[found]`.

    Detections are of class 1 too, unless `classes` says so. `size` is (height, width).
    """
    return ImageDetections(
        height=size[0],
        width=size[1],
        groundtruth_boxes=places[truth],
        groundtruth_classes=np.ones(len(truth), np.int64),
        detection_boxes=places[found],
        detection_scores=np.array(scores, np.float32),
        detection_classes=np.ones(len(found), np.int64) if classes is None else np.array(classes, np.int64),
        **{f"groundtruth_{name}": np.array(values) for name, values in flags.items()},
    )


def boxes_near(rng: np.random.Generator, boxes: np.ndarray, noise: float) -> np.ndarray:
    moved = boxes + rng.normal(0, noise, boxes.shape)
    return np.concatenate([np.minimum(moved[:, :2], moved[:, 2:] - 0.01), moved[:, 2:]], axis=1)


def random_images(
    seed: int,
    count: int = 30,
    most: int = 12,
    *,
    crowds: float = 0.0,
    difficult: float = 0.0,
    levels: int | None = None,
    empty: float = 0.1,
    noise: float = 0.02,
    many: bool = False,
    masks: bool = False,
) -> list[ImageDetections]:
    """Images of classes 1, 2 and 5 (class 7 is never there, and 5 only among detections).

    `levels` rounds scores to so many values, for ties; with `many`, an image has up to 260 detections.
    """
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        there = rng.uniform() >= empty
        objects = int(rng.integers(1, most)) if there else 0
        wrong = int(rng.integers(0, 250 if many else most))
        corner = rng.uniform(0, 0.8, (objects + wrong, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(0.01, 0.4, corner.shape)], axis=1)
        classes = rng.choice([1, 2], objects + wrong)
        scores = rng.uniform(0, 1, objects + wrong)
        if levels:
            scores = np.round(scores * levels) / levels
        height, width = (int(side) for side in rng.integers(100, 400 if masks else 700, 2))
        found = boxes_near(rng, boxes, noise).astype(np.float32)
        truth = boxes[:objects].astype(np.float32)
        images.append(
            ImageDetections(
                height=height,
                width=width,
                groundtruth_boxes=truth,
                groundtruth_classes=classes[:objects],
                detection_boxes=found,
                detection_scores=scores.astype(np.float32),
                detection_classes=np.where(rng.uniform(size=len(classes)) < 0.1, 5, classes),
                groundtruth_crowd=rng.uniform(size=objects) < crowds,
                groundtruth_difficult=rng.uniform(size=objects) < difficult,
                groundtruth_masks=[ellipse(box, height, width) for box in truth] if masks else None,
                detection_masks=[ellipse(box, height, width) for box in found] if masks else None,
            )
        )
    return images


def ellipse(box: np.ndarray, height: int, width: int) -> dict:
    """The mask of an ellipse in a normalised box."""
    ymin, xmin, ymax, xmax = box * [height, width, height, width]
    y, x = np.mgrid[:height, :width] + 0.5
    inside = ((y - (ymin + ymax) / 2) * 2 / (ymax - ymin)) ** 2 + (
        (x - (xmin + xmax) / 2) * 2 / (xmax - xmin)
    ) ** 2 <= 1
    return mask.encode(np.asfortranarray(inside.astype(np.uint8)))


def rbc_coco() -> tuple[list[ImageDetections], LabelMap]:
    """The real blood cells, 30 images, with made-up detections."""
    parts = []
    for split in ("valid", "test"):
        file = json.loads((DATA / "rbc_coco" / split / "_annotations.coco.json").read_text())
        for image in file["images"]:
            mine = [one for one in file["annotations"] if one["image_id"] == image["id"]]
            boxes = np.array([one["bbox"] for one in mine], float).reshape(-1, 4)
            sides = np.stack(
                [boxes[:, 1], boxes[:, 0], boxes[:, 1] + boxes[:, 3], boxes[:, 0] + boxes[:, 2]], 1
            )
            parts.append(
                (image["height"], image["width"], sides, np.array([one["category_id"] for one in mine]))
            )
    return made_up(parts, lambda classes: classes), label_map(rbc=1, wbc=2)


def microcontrollers() -> tuple[list[ImageDetections], LabelMap]:
    """The real photographs of boards with made-up detections."""
    labels = label_map(Arduino_Nano=1, ESP8266=2, Heltec_ESP32_Lora=3, Raspberry_Pi_3=4)
    rows: dict[str, list[dict[str, str]]] = {}
    for name in ("train", "test"):
        with (DATA / "microcontrollers_voc" / "images" / f"{name}_labels.csv").open() as file:
            for row in csv.DictReader(file):
                rows.setdefault(row["filename"], []).append(row)
    parts = [
        (
            int(found[0]["height"]),
            int(found[0]["width"]),
            np.array([[float(row[side]) for side in ("ymin", "xmin", "ymax", "xmax")] for row in found]),
            np.array([labels.id_of(row["class"]) for row in found]),
        )
        for found in rows.values()
    ]
    return made_up(parts, lambda classes: classes), labels


def made_up(parts: list, classes_of: Callable) -> list[ImageDetections]:
    """Detections near the labels, some twice, some of another class, some of nothing."""
    rng = np.random.default_rng(3)
    images = []
    for height, width, sides, classes in parts:
        boxes = sides / [height, width, height, width]
        found = np.concatenate([boxes_near(rng, boxes, 0.01), boxes_near(rng, boxes, 0.04)])
        names = classes_of(np.concatenate([classes, classes]))
        names = np.where(rng.uniform(size=len(names)) < 0.1, 1, names)
        kept = rng.uniform(size=len(found)) < 0.8
        images.append(
            ImageDetections(
                height=height,
                width=width,
                groundtruth_boxes=boxes.astype(np.float32),
                groundtruth_classes=classes.astype(np.int64),
                detection_boxes=found[kept].astype(np.float32),
                detection_scores=rng.uniform(0, 1, kept.sum()).astype(np.float32),
                detection_classes=names[kept].astype(np.int64),
            )
        )
    return images


SETS = {
    "plain": lambda: (random_images(0), LABELS),
    "crowds": lambda: (random_images(1, crowds=0.2), LABELS),
    "ties in scores": lambda: (random_images(2, levels=4), LABELS),
    "empty images": lambda: (random_images(3, empty=0.5), LABELS),
    "over 100 detections": lambda: (random_images(4, count=12, many=True, crowds=0.05), LABELS),
    "all of it": lambda: (random_images(5, many=True, crowds=0.15, levels=20, empty=0.3), LABELS),
    "hardly anything right": lambda: (random_images(6, noise=0.2), LABELS),
    "exact boxes": lambda: (random_images(7, noise=0.0, crowds=0.1), LABELS),
    "one image": lambda: (random_images(8, count=1, empty=0), LABELS),
    "rbc_coco": rbc_coco,
    "microcontrollers": microcontrollers,
}
