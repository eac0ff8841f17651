"""Makes the demonstration data: road signs drawn into photographs, with Pascal VOC annotations.

    python -m components.example_gen.road_signs --out DIR [--images 320] [--seed 7]

Writes DIR/{train,eval}/NNNN.jpg + .xml, DIR/label_map.pbtxt and DIR/manifest.json. The same arguments give
the same bytes; a second call finds the manifest and leaves everything as it is. Nothing is downloaded.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from components.example_gen import sign_drawing, sign_photos, sign_scene
from detection.config.label_map import LabelMap, LabelMapItem, format_label_map
from detection.errors import BadInput

WIDTH, HEIGHT = 400, 300
EVAL_SHARE = 0.19
JPEG_QUALITY = 90
SIGNS_PER_IMAGE = (0.45, 0.35, 0.20)  # chances of one, two and three signs


def make_road_signs(out: Path, images: int = 320, seed: int = 7) -> Path:
    """Makes the data set in `out`, or leaves a complete one that is already there.

    Raises:
      BadInput: `out` holds something else, or fewer than 10 images are asked for.
    """
    if images < 10:
        raise BadInput(f"{images} images are too few for two splits", "--images", "ask for 10 or more")
    settings = _settings(images, seed)
    if _complete(out, settings):
        return out
    if out.exists() and any(out.iterdir()) and not (out / "manifest.json").exists():
        raise BadInput(
            "the folder holds files that this generator didn't make", str(out), "name another folder"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out.with_name(f".{out.name}.making-{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    eval_images = round(images * EVAL_SHARE)
    _write_split(fresh / "train", images - eval_images, (seed, 0), sign_photos.TRAIN_PHOTOS)
    _write_split(fresh / "eval", eval_images, (seed, 1), sign_photos.EVAL_PHOTOS)
    (fresh / "label_map.pbtxt").write_text(format_label_map(_label_map()))
    manifest = {"settings": settings, "files": _digests(fresh)}
    (fresh / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    if out.exists():
        shutil.rmtree(out)
    fresh.rename(out)
    return out


def _write_split(folder: Path, count: int, seed: tuple[int, int], photos: tuple[str, ...]) -> None:
    folder.mkdir(parents=True)
    order = np.random.default_rng(seed)
    pending: list[str] = []
    for index in range(count):
        rng = np.random.default_rng((*seed, index))
        picture, photo = sign_photos.background(photos, WIDTH, HEIGHT, rng)
        wanted = 1 + int(rng.choice(len(SIGNS_PER_IMAGE), p=SIGNS_PER_IMAGE))
        if len(pending) < wanted:  # a shuffled round of every class at a time keeps the classes even
            pending += [str(name) for name in order.permutation(sign_drawing.CLASSES)]
        names, pending = pending[:wanted], pending[wanted:]
        picture, signs = sign_scene.compose(picture, names, rng)
        file = folder / f"{index:04d}.jpg"
        picture.save(file, quality=JPEG_QUALITY)
        file.with_suffix(".xml").write_bytes(_annotation(file, photo, signs))


def _annotation(file: Path, photo: str, signs: list[sign_scene.PlacedSign]) -> bytes:
    """One Pascal VOC annotation; corners count from 0, as labelImg writes them and the OD API reads them."""
    root = ElementTree.Element("annotation")
    _fields(root, folder=file.parent.name, filename=file.name)
    _fields(
        ElementTree.SubElement(root, "source"), database="drawn road signs", image=f"scikit-image {photo}"
    )
    _fields(ElementTree.SubElement(root, "size"), width=WIDTH, height=HEIGHT, depth=3)
    for sign in signs:
        node = ElementTree.SubElement(root, "object")
        _fields(node, name=sign.name, truncated=0, occluded=int(sign.hidden > 0.02), difficult=0)
        box = ElementTree.SubElement(node, "bndbox")
        _fields(box, xmin=sign.xmin, ymin=sign.ymin, xmax=sign.xmax, ymax=sign.ymax)
    ElementTree.indent(root)
    return ElementTree.tostring(root) + b"\n"


def _fields(node: ElementTree.Element, **values: object) -> None:
    for name, value in values.items():
        ElementTree.SubElement(node, name).text = str(value)


def _label_map() -> LabelMap:
    names = enumerate(sign_drawing.CLASSES, start=1)
    return LabelMap(tuple(LabelMapItem(number, name, name) for number, name in names))


def _settings(images: int, seed: int) -> dict[str, Any]:
    """Everything that the bytes depend on, the drawing code included."""
    code = hashlib.sha256()
    for module in (__file__, sign_drawing.__file__, sign_photos.__file__, sign_scene.__file__):
        code.update(Path(module).read_bytes())
    packages = {name: version(name) for name in ("pillow", "scikit-image", "matplotlib", "numpy")}
    return {"images": images, "seed": seed, "code": code.hexdigest(), "packages": packages}


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json")
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def _complete(out: Path, settings: dict[str, Any]) -> bool:
    try:
        manifest = json.loads((out / "manifest.json").read_text())
    except (OSError, ValueError):
        return False
    return manifest == {"settings": settings, "files": _digests(out)}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make the road sign demonstration data.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", type=int, default=320)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    try:
        out = make_road_signs(options.out, options.images, options.seed)
    except BadInput as error:
        raise SystemExit(str(error)) from error
    print(f"road signs: {len(list(out.glob('*/*.jpg')))} images in {out}")


if __name__ == "__main__":
    main()
