"""A tiny Pascal VOC data set, written anew for each test that asks for one."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from detection.config.label_map import LabelMap, LabelMapItem, format_label_map

BOX = (10, 20, 50, 60)  # xmin, ymin, xmax, ymax


def jpeg_bytes(seed: int = 0, size: tuple[int, int] = (100, 80), mode: str = "RGB", **save: object) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, "JPEG", **save)
    return buffer.getvalue()


def voc_xml(filename: str, boxes: list[tuple[str, tuple]], size: tuple[int, int] = (100, 80)) -> str:
    objects = "".join(
        f"<object><name>{label}</name><bndbox><xmin>{b[0]}</xmin><ymin>{b[1]}</ymin>"
        f"<xmax>{b[2]}</xmax><ymax>{b[3]}</ymax></bndbox></object>"
        for label, b in boxes
    )
    return (
        f"<annotation><filename>{filename}</filename><size><width>{size[0]}</width>"
        f"<height>{size[1]}</height><depth>3</depth></size>{objects}</annotation>"
    )


class VocData:
    """Writes images and annotations below root/train and root/eval."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.count = 0
        self.label_map = LabelMap((LabelMapItem(1, "cat", "cat"), LabelMapItem(2, "dog", "dog")))
        (root / "label_map.pbtxt").write_text(format_label_map(self.label_map))

    def add(
        self, split: str, name: str, boxes: list[tuple[str, tuple]] | None = None, **options: object
    ) -> Path:
        """`image=None` or `xml=None` leaves that file out; either may be given as bytes or text."""
        folder = self.root / split
        folder.mkdir(exist_ok=True)
        self.count += 1
        image = options.get("image", jpeg_bytes(self.count))
        xml = options.get("xml", voc_xml(f"{name}.jpg", [("cat", BOX)] if boxes is None else boxes))
        if image is not None:
            (folder / f"{name}.jpg").write_bytes(image)
        if xml is not None:
            (folder / f"{name}.xml").write_text(xml)
        return folder / f"{name}.jpg"

    def options(self, **more: object) -> dict[str, object]:
        data = {"train": str(self.root / "train"), "label_map": str(self.root / "label_map.pbtxt")}
        if (self.root / "eval").exists():
            data["eval"] = str(self.root / "eval")
        return {**data, **more}


@pytest.fixture
def voc_data(tmp_path: Path) -> VocData:
    return VocData(tmp_path)


@pytest.fixture
def jpeg() -> Callable[..., bytes]:
    return jpeg_bytes


@pytest.fixture
def xml_of() -> Callable[..., str]:
    return voc_xml


@pytest.fixture(scope="session")
def microcontrollers() -> Path:
    folder = Path(__file__).parents[3] / ".." / "shared" / "data" / "datasets" / "microcontrollers_voc"
    if not folder.exists():
        pytest.skip("the microcontrollers_voc data set isn't at ../shared/data/datasets")
    return folder


@pytest.fixture
def bucket() -> Iterator[ModuleType]:
    """An empty bucket mem://b; `put(path, data)` fills it."""
    from tests.components.example_gen import memory_files

    memory_files.FILES.clear()
    yield memory_files
    memory_files.FILES.clear()


@pytest.fixture(scope="session")
def datasets() -> Path:
    folder = Path(__file__).parents[3] / ".." / "shared" / "data" / "datasets"
    if not folder.exists():
        pytest.skip("the data sets aren't at ../shared/data/datasets")
    return folder.resolve()
