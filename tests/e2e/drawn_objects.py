"""Pictures of discs and triangles as a COCO data set, with masks of each kind that COCO knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from pycocotools import mask as coco_mask

WIDTH, HEIGHT = 160, 120
NAMES = ("disc", "triangle")
COLOURS = ((220, 40, 30), (30, 90, 220))


def write_coco(folder: Path, count: int, seed: int) -> None:
    """Writes `folder`/images and `folder`/annotations.json: one or two objects an image, boxes and masks.

    Triangles have a polygon; discs have run lengths, plain in one image and packed in the next.
    """
    random = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(1, count + 1):
        noise = random.integers(90, 150, [HEIGHT, WIDTH, 3], dtype=np.uint8)
        picture = Image.fromarray(noise)
        for place in range(1 + number % 2):
            kind = int(random.integers(2))
            left, top = 8 + 76 * place, int(random.integers(4, 50))
            side = int(random.integers(44, 64))
            annotations.append(
                {"id": len(annotations) + 1, "image_id": number, "category_id": kind + 1, "iscrowd": 0}
                | _draw(picture, kind, (left, top, side), packed=number % 4 < 2)
            )
        name = f"{number:03d}.jpg"
        picture.save(folder / "images" / name, quality=95)
        images.append({"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT})
    categories = [{"id": index, "name": name} for index, name in enumerate(NAMES, start=1)]
    text = json.dumps({"images": images, "annotations": annotations, "categories": categories})
    (folder / "annotations.json").write_text(text, encoding="utf-8")


def _draw(picture: Image.Image, kind: int, where: tuple[int, int, int], *, packed: bool) -> dict[str, Any]:
    """Draws an object into the square (left, top, side); returns what COCO says of it."""
    left, top, side = where
    drawing, frame = ImageDraw.Draw(picture), (left, top, left + side - 1, top + side - 1)
    said: dict[str, Any] = {"bbox": [left, top, side, side], "area": side * side // 2}
    if NAMES[kind] == "triangle":
        corners = [left, top + side, left + side, top + side, left + side // 2, top]
        drawing.polygon(corners, fill=COLOURS[kind])
        return said | {"segmentation": [corners]}
    drawing.ellipse(frame, fill=COLOURS[kind])
    alone = Image.new("L", picture.size)
    ImageDraw.Draw(alone).ellipse(frame, fill=1)
    pixels = np.asfortranarray(np.array(alone))
    if packed:
        runs = coco_mask.encode(pixels)
        return said | {"segmentation": {"size": runs["size"], "counts": runs["counts"].decode()}}
    return said | {"segmentation": {"size": [HEIGHT, WIDTH], "counts": _run_lengths(pixels)}}


def _run_lengths(pixels: np.ndarray) -> list[int]:
    """Lengths of runs of 0 and 1 in turn, column by column, from a run of 0 on."""
    flat = pixels.ravel(order="F").astype(np.int8)
    borders = np.flatnonzero(np.diff(flat, prepend=0, append=1 - flat[-1]))
    return np.diff(borders, prepend=0).tolist()
