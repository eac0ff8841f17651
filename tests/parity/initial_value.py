"""Random values that make a useful test: activations of a sane scale, statistics that are not 0 and 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def initial_value(name: str, shape: Sequence[int], random: np.random.Generator) -> np.ndarray:
    """The value of a variable by its TF1 or Keras name."""
    leaf = name.rsplit("/", 1)[-1]
    if leaf == "gamma":
        return random.uniform(0.5, 1.0, shape)
    if leaf == "beta":  # most channels on the linear part of a ReLU6, a few clipped at either end
        return random.normal(1.0, 1.0, shape)
    if leaf in ("biases", "bias"):
        return random.normal(0.0, 0.1, shape)
    if leaf == "moving_variance":
        return random.uniform(0.5, 1.5, shape)
    if leaf == "moving_mean":
        return random.normal(0.0, 0.3, shape)
    if leaf in ("min", "max"):  # a range within which values are rounded; a few are clipped
        return random.uniform(*((-0.3, 0.0) if leaf == "min" else (3.0, 5.5)), shape)
    inputs = shape[:2] if leaf in ("depthwise_weights", "depthwise_kernel") else shape[:-1]
    return random.normal(0.0, 1 / np.sqrt(np.prod(inputs)), shape)
