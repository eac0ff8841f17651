"""A few images of a folder or a data set for the proof of a conversion."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from PIL import Image

from components.example_gen.file_systems import is_remote
from components.example_gen.records import ImageRecord
from components.example_gen.sources import FileSource
from components.example_gen.tree import Tree
from detection.errors import BadInput
from detection.picture_formats import PIXEL_FORMATS

Item = TypeVar("Item")


def sample_images(data: Path, count: int) -> list[Path]:
    """Up to `count` images that decode, spread evenly over the sorted ones under `data` (a folder or CSV).

    Raises:
      BadInput: not one image decodes.
    """
    tree = Tree.at(str(data if data.is_dir() else data.parent))
    images = [Path(tree.path(image)) for image in tree.images]
    return sorted(_sample(images, count, lambda image: image.read_bytes(), tree.root))


def sample_of_records(records: Sequence[ImageRecord], count: int, folder: Path) -> list[Path]:
    """The same of a data set that was read; an image that is no file of this machine is written to `folder`.

    So is one whose name isn't Unicode, which no plan could hold. Such a copy is named by its content, so the
    same data give the same paths.

    Raises:
      BadInput: not one image decodes.
    """
    sources = [record.source for record in records if record.source is not None]
    chosen = _sample(sources, count, lambda source: source.read(), "the data set")
    paths = []
    for source in chosen:
        if isinstance(source, FileSource) and not is_remote(source.path) and _is_unicode(source.path):
            paths.append(Path(source.path))
            continue
        data = source.read()
        with Image.open(io.BytesIO(data)) as image:
            suffix = ".png" if image.format == "PNG" else ".jpg"
        paths.append(folder / f"{hashlib.sha256(data).hexdigest()[:16]}{suffix}")
        folder.mkdir(parents=True, exist_ok=True)
        paths[-1].write_bytes(data)
    return sorted(paths)


def _is_unicode(name: str) -> bool:
    return name.encode(errors="replace") == os.fsencode(name)


def _sample(items: Sequence[Item], count: int, read: Callable[[Item], bytes], place: str) -> list[Item]:
    step = max(1, len(items) // count)
    # The spread ones first; after damaged ones come the rest, in order.
    candidates: Iterable[Item] = dict.fromkeys([*items[::step], *items])
    sample: list[Item] = []
    for item in candidates:
        if len(sample) == count:
            break
        if _decodes(item, read):
            sample.append(item)
    if not sample:
        raise BadInput("there is no image (JPEG, PNG) that can be decoded", place, "check the files")
    return sample


def _decodes(item: Item, read: Callable[[Item], bytes]) -> bool:
    """True for a whole JPEG or PNG."""
    try:
        with Image.open(io.BytesIO(read(item)), formats=PIXEL_FORMATS) as image:
            image.load()
            return image.format in ("JPEG", "MPO", "PNG")
    except Exception:  # Pillow's plugins raise a dozen types for a damaged file
        return False
