"""Variables and a batch, the same on every machine, from nothing but their shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

BOXES = 10


@dataclass(frozen=True)
class Shapes:
    """Paths and shapes of the detector's variables, the shape of the images, and the number of classes."""

    trained: list[tuple[str, list[int]]]
    others: list[tuple[str, list[int]]]
    image: list[int]
    classes: int


def make_inputs(shapes: Shapes) -> list[Any]:
    """`[trained, others, images, boxes, classes, weights]`: lists of arrays, then arrays.

    Images are float32 of 0..255, not yet preprocessed: smooth, as photographs are.
    """
    random = np.random.default_rng(0)
    count, height, width, _ = shapes.image
    y, x = np.mgrid[0:height, 0:width] / height
    waves = (
        random.uniform(2, 20, [count, 1, 1, 3]) * x[None, :, :, None]
        + random.uniform(2, 20, [count, 1, 1, 3]) * y[None, :, :, None]
    )
    images = (127.5 + 127.5 * np.sin(waves)).astype(np.float32)
    corners = random.uniform(0.0, 0.6, [count, BOXES, 2])
    sizes = random.uniform(0.1, 0.4, [count, BOXES, 2])
    boxes = np.concatenate([corners, corners + sizes], -1).astype(np.float32)
    classes = random.integers(1, shapes.classes + 1, [count, BOXES]).astype(np.int32)
    weights = np.ones([count, BOXES], np.float32)
    return [
        [_value(path, shape, random) for path, shape in shapes.trained],
        [_value(path, shape, random) for path, shape in shapes.others],
        images, boxes, classes, weights,
    ]  # fmt: skip


def _value(path: str, shape: list[int], random: np.random.Generator) -> np.ndarray:
    """Kernels keep the scale of the activations; batch norm starts as slim starts it."""
    leaf = path.rsplit("/", 1)[-1]
    if leaf in ("gamma", "moving_variance"):
        return np.ones(shape, np.float32)
    if leaf in ("beta", "moving_mean", "bias"):
        return np.zeros(shape, np.float32)
    inputs = shape[:2] if leaf == "depthwise_kernel" else shape[:-1]
    gain = 0.1 if "Predict" in path else 1.4
    return random.normal(0.0, gain / np.sqrt(np.prod(inputs)), shape).astype(np.float32)
