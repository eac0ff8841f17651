"""Masks of the whole image."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask

from components.evaluator.masks import decode_masks, image_masks
from detection.errors import BadInput


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def test_masks_of_the_data_come_back() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.uniform(size=(2, 30, 40)) < 0.3
    found = decode_masks([png(first * 255), png(second * 1)], (30, 40), "a.jpg")
    np.testing.assert_array_equal(mask.decode(found), np.stack([first, second], axis=-1))


@pytest.mark.parametrize("picture", [b"", b"no picture", png(np.ones((30, 41)))])
def test_a_mask_that_does_not_fit_is_named(picture: bytes) -> None:
    with pytest.raises(BadInput, match="no PNG of the image's size\n  where: a.jpg"):
        decode_masks([picture], (30, 40), "a.jpg")


def test_masks_in_boxes_equal_the_od_api_s() -> None:
    ops = pytest.importorskip("object_detection.utils.ops", reason="the OD API is not installed")
    rng = np.random.default_rng(1)
    corner = rng.uniform(-0.1, 0.6, (20, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0.05, 0.5, (20, 2))], axis=1).astype(np.float32)
    probabilities = rng.uniform(size=(20, 14, 14)).astype(np.float32)
    expected = ops.reframe_box_masks_to_image_masks(probabilities, boxes, 60, 90).numpy() > 0.5
    found = mask.decode(image_masks(probabilities, boxes, (60, 90)))
    np.testing.assert_array_equal(np.moveaxis(found, -1, 0), expected)
    assert 0 < expected.mean() < 0.5


def test_a_full_mask_is_its_box() -> None:
    box = np.array([[0.25, 0.5, 0.75, 1.0]], np.float32)
    (found,) = image_masks(np.ones((1, 7, 7), np.float32), box, (40, 40))
    inside = np.zeros((40, 40))
    inside[10:30, 20:] = 1
    # the outermost pixels have no neighbours to be interpolated from
    assert abs(mask.decode(found) - inside).sum() <= 60
    assert image_masks(np.zeros((0, 7, 7), np.float32), np.zeros((0, 4), np.float32), (40, 40)) == []
