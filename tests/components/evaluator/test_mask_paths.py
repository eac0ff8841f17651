"""Masks as paths: drawn again, they cover what the mask covers."""

from __future__ import annotations

import re

import numpy as np
from faster_coco_eval.core import mask

from components.evaluator.mask_paths import mask_path


def rle(pixels: np.ndarray) -> dict:
    return dict(mask.encode(np.asfortranarray(pixels.astype(np.uint8))))


def covered(path: str, width: int, height: int) -> np.ndarray:
    """The pixels inside a path's bars."""
    pixels = np.zeros((height, width), bool)
    bar = re.compile(r"M(\d+) (\d+)h(\d+)v(\d+)h-(\d+)z")
    assert "".join(found.group() for found in bar.finditer(path)) == path
    for x, y, length, thickness, back in (map(int, numbers) for numbers in bar.findall(path)):
        assert length == back
        assert not pixels[y : y + thickness, x : x + length].any()
        pixels[y : y + thickness, x : x + length] = True
    return pixels


def test_a_path_covers_the_mask_at_the_picture_s_size() -> None:
    rows, columns = np.mgrid[:120, :160]
    ring = np.abs(np.hypot(rows - 60, columns - 70) - 35) < 12  # two bars in most rows
    found = covered(mask_path(rle(ring), 80, 60), 80, 60)
    assert np.mean(found != ring[1::2, 1::2]) < 0.03
    twice = covered(mask_path(rle(ring), 320, 240), 320, 240)
    assert np.mean(twice != ring.repeat(2, axis=0).repeat(2, axis=1)) < 0.005


def test_a_mask_up_to_the_border_and_one_of_nothing() -> None:
    assert covered(mask_path(rle(np.ones((30, 40))), 40, 30), 40, 30).all()
    assert mask_path(rle(np.zeros((30, 40))), 40, 30) == ""
