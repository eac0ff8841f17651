"""Backgrounds for the demonstration data: the photographs that come inside scikit-image's wheel."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from detection.errors import BadInput

# Evaluation pictures stand before photographs that training never saw. Grey photographs get a tint
# (dark, middle, light): a detector of coloured signs would otherwise learn "grey means background".
TRAIN_PHOTOS = ("astronaut.png", "brick.png", "camera.png", "coffee.png", "grass.png", "motorcycle_left.png")
EVAL_PHOTOS = ("chelsea.png", "gravel.png", "rocket.jpg")
TINTS = {
    "brick.png": ("#2a0f08", "#8d4a36", "#ead9cc"),
    "camera.png": ("#0d1014", "#5f7a66", "#cfe3f5"),
    "grass.png": ("#0c1606", "#4c7a2b", "#d6e6a8"),
    "gravel.png": ("#141210", "#83786a", "#efe8dc"),
}


def background(
    names: tuple[str, ...], width: int, height: int, rng: np.random.Generator
) -> tuple[Image.Image, str]:
    """Crops, mirrors and recolours one photograph at random.

    Returns:
      The RGB picture [height, width], and the photograph's name.
    """
    name = names[int(rng.integers(len(names)))]
    photo = _photo(name)
    full = min(photo.width / width, photo.height / height)
    scale = full * rng.uniform(0.6, 1.0)
    crop_width, crop_height = scale * width, scale * height
    x = rng.uniform(0, photo.width - crop_width)
    y = rng.uniform(0, photo.height - crop_height)
    box = (x, y, x + crop_width, y + crop_height)
    picture = photo.resize((width, height), Image.Resampling.BICUBIC, box=box)
    if rng.random() < 0.5:
        picture = ImageOps.mirror(picture)
    picture = ImageEnhance.Color(picture).enhance(rng.uniform(0.6, 1.2))
    picture = ImageEnhance.Brightness(picture).enhance(rng.uniform(0.75, 1.2))
    return picture, name


@lru_cache(maxsize=16)
def _photo(name: str) -> Image.Image:
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        raise BadInput(
            "scikit-image, whose photographs are the backgrounds of the demonstration data, isn't installed",
            "this Python environment",
            "install the demo group of pyproject.toml: `uv sync --group demo`",
        )
    with Image.open(Path(spec.origin).parent / "data" / name) as photo:
        if name in TINTS:
            dark, middle, light = TINTS[name]
            return ImageOps.colorize(photo.convert("L"), dark, light, middle)
        return photo.convert("RGB")
