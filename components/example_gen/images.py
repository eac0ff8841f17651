"""Which files are images, and a few of them for the proof of a conversion."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from detection.errors import BadInput

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"))


def find_images(root: Path) -> list[Path]:
    """Every image file below `root`, sorted; hidden files and folders (`._x.jpg`) don't count."""
    files = (f for f in root.rglob("*") if f.suffix.lower() in SUFFIXES and f.is_file())
    return sorted(f for f in files if not any(p.startswith(".") for p in f.relative_to(root).parts))


def sample_images(data: Path, count: int) -> list[Path]:
    """Up to `count` images that decode, spread evenly over the sorted ones under `data` (a folder or CSV).

    Raises:
      BadInput: not one image decodes.
    """
    folder = data if data.is_dir() else data.parent
    images = find_images(folder)
    step = max(1, len(images) // count)
    # The spread ones first; after damaged ones come the rest, in order.
    candidates = dict.fromkeys([*images[::step], *images])
    sample: list[Path] = []
    for image in candidates:
        if len(sample) == count:
            break
        if _decodes(image):
            sample.append(image)
    if not sample:
        raise BadInput("there is no image (JPEG, PNG) that can be decoded", str(folder), "check the files")
    return sorted(sample)


def _decodes(file: Path) -> bool:
    """True for a whole JPEG or PNG."""
    try:
        with Image.open(io.BytesIO(file.read_bytes())) as image:
            image.load()
            return image.format in ("JPEG", "MPO", "PNG")
    except Exception:  # Pillow's plugins raise a dozen types for a damaged file
        return False
