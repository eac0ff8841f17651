from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from components.checkpoint_converter.proof_images import proof_images
from detection.errors import BadInput


def test_drawn_images_are_the_same_each_time_and_rich():
    images, source = proof_images([])
    again, _ = proof_images([])
    assert source.startswith("synthetic")
    assert [image.shape for image in images] == [(300, 400, 3), (480, 360, 3), (260, 390, 3), (512, 512, 3)]
    assert all(image.dtype == np.uint8 for image in images)
    assert all(np.array_equal(first, second) for first, second in zip(images, again, strict=True))
    assert all(image.std() > 40 and len(np.unique(image)) > 200 for image in images)


def test_the_first_four_files_as_rgb(tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(6)]
    for number, path in enumerate(paths):
        Image.new("L", (20, 10), number).save(path)
    images, source = proof_images(paths)
    assert source == "files: 0.png, 1.png, 2.png, 3.png"
    assert [image.shape for image in images] == [(10, 20, 3)] * 4
    assert [int(image[0, 0, 2]) for image in images] == [0, 1, 2, 3]


@pytest.mark.parametrize("content", [None, b"no image", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"])
def test_a_file_that_is_no_image(tmp_path, content):
    path = tmp_path / "photo.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput, match="can't be read") as error:
        proof_images([path])
    assert error.value.where == str(path)
