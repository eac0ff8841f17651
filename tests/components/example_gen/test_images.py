from pathlib import Path

import pytest
from PIL import Image

from components.example_gen.images import find_images, sample_images
from detection.errors import BadInput


def make_images(folder: Path, count: int) -> None:
    for index in range(count):
        Image.new("RGB", (8, 6), (index, 0, 0)).save(folder / f"{index}.png")


def test_hidden_files_are_no_images(tmp_path: Path) -> None:
    make_images(tmp_path, 1)
    (tmp_path / "._0.png").touch()
    assert [file.name for file in find_images(tmp_path)] == ["0.png"]


def test_the_sample_is_spread(tmp_path: Path) -> None:
    make_images(tmp_path, 10)
    (tmp_path / "labels.csv").touch()
    assert [path.name for path in sample_images(tmp_path, 4)] == ["0.png", "2.png", "4.png", "6.png"]
    assert sample_images(tmp_path / "labels.csv", 4) == sample_images(tmp_path, 4)


def test_the_sample_skips_what_does_not_decode(tmp_path: Path) -> None:
    make_images(tmp_path, 4)
    (tmp_path / "0.png").write_bytes(b"broken")
    assert [path.name for path in sample_images(tmp_path, 2)] == ["1.png", "2.png"]
    for file in tmp_path.glob("*.png"):
        file.write_bytes(b"broken")
    with pytest.raises(BadInput, match="no image"):
        sample_images(tmp_path, 2)
