"""The images a conversion is proved on: the user's photos, or drawn ones where there are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from detection.errors import BadInput
from detection.picture_formats import PIXEL_FORMATS

MAX_IMAGES = 4
_SIZES = (
    (300, 400),
    (480, 360),
    (260, 390),
    (512, 512),
)  # height, width: other aspect ratios, other resizing


def proof_images(paths: list[Path]) -> tuple[list[np.ndarray], str]:
    """Up to four images, each uint8 [h, w, 3], and a phrase that says where they come from.

    BadInput if a file is missing or no image.
    """
    if not paths:
        return [
            _drawn(seed, *size) for seed, size in enumerate(_SIZES)
        ], "synthetic: no image files were given"
    chosen = paths[:MAX_IMAGES]
    return [_read(path) for path in chosen], "files: " + ", ".join(path.name for path in chosen)


def _read(path: Path) -> np.ndarray:
    try:
        with Image.open(path, formats=PIXEL_FORMATS) as image:
            return np.asarray(image.convert("RGB"))
    except Exception as error:  # Pillow's plugins raise a dozen types for a damaged file
        raise BadInput(
            f"a proof image can't be read: {error}", str(path), "give JPEG or PNG files, or none at all"
        ) from error


def _drawn(seed: int, height: int, width: int) -> np.ndarray:
    """A deterministic picture with smooth shading, textures and hard edges: work for every filter."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    image = np.zeros((height, width, 3))
    for _ in range(12):
        frequency, phase = random.normal(0, 14, (2, 1, 1)), random.uniform(0, 2 * np.pi)
        wave = np.sin(frequency[0] * y + frequency[1] * x + phase)
        image += wave[..., None] * random.uniform(0.1, 0.5, 3)
    for _ in range(10):
        top, left = random.integers(0, height - 40), random.integers(0, width - 40)
        bottom, right = top + random.integers(30, height // 2), left + random.integers(20, width // 2)
        image[top:bottom, left:right] = random.uniform(-1.5, 1.5, 3)
    image += random.normal(0, 0.1, image.shape)
    return np.clip(127.5 + 70 * image, 0, 255).astype(np.uint8)
