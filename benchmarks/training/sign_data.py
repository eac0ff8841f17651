"""Pictures of drawn road signs of which only some are labelled, as a COCO data set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.example_gen.sign_photos import EVAL_PHOTOS, TRAIN_PHOTOS, background
from components.example_gen.sign_scene import compose
from detection.config.label_map import LabelMap, LabelMapItem, format_label_map

WIDTH, HEIGHT = 200, 150
_JPEG_QUALITY = 90


@dataclass(frozen=True)
class Signs:
    """What is in the pictures: one or two signs with a label, and beside them one without where named.

    Attributes:
      labelled, unlabelled: names of classes, of `sign_drawing.CLASSES`.
      seed: of all that is drawn.
    """

    labelled: tuple[str, ...]
    unlabelled: tuple[str, ...] = ()
    seed: int = 7


def write_splits(folder: Path, signs: Signs, train: int, evaluation: int) -> None:
    """Write `folder`/train and `folder`/eval, each with images/ and annotations.json; a complete one stays.

    The photographs behind the signs of eval are not in train.
    """
    for index, (split, count, photos) in enumerate(
        (("train", train, TRAIN_PHOTOS), ("eval", evaluation, EVAL_PHOTOS))
    ):
        if not (folder / split / "annotations.json").is_file():
            _write_split(folder / split, signs, count, photos, index)


def write_label_map(names: Sequence[str], path: Path) -> None:
    """Write the label map of the classes, numbered from 1 in their order."""
    items = tuple(LabelMapItem(number, name, name) for number, name in enumerate(names, start=1))
    path.write_text(format_label_map(LabelMap(items)))


def _write_split(folder: Path, signs: Signs, count: int, photos: tuple[str, ...], index: int) -> None:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(count):
        rng = np.random.default_rng((signs.seed, index, number))
        names = [str(name) for name in rng.permutation(signs.labelled)[: 1 + int(rng.integers(2))]]
        if signs.unlabelled:
            names.append(str(rng.choice(signs.unlabelled)))
        photo, _ = background(photos, WIDTH, HEIGHT, rng)
        picture, placed = compose(photo, names, rng)
        file = f"{number:04d}.jpg"
        picture.save(folder / "images" / file, quality=_JPEG_QUALITY)
        images.append({"id": number, "file_name": file, "width": WIDTH, "height": HEIGHT})
        for sign in placed:
            if sign.name in signs.labelled:
                width, height = sign.xmax - sign.xmin, sign.ymax - sign.ymin
                annotations.append(
                    {
                        "id": len(annotations),
                        "image_id": number,
                        "category_id": 1 + signs.labelled.index(sign.name),
                        "bbox": [sign.xmin, sign.ymin, width, height],
                        "area": width * height,
                        "iscrowd": 0,
                    }
                )
    categories = [{"id": at, "name": name} for at, name in enumerate(signs.labelled, start=1)]
    data = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(data))
