from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from detection.builder import build_native
from detection.config.pipeline_config import parse_pipeline_config
from detection.detector import Detector
from detection.shim.builder import build_shim
from tests.parity.od_api_configs import CONFIGS


class Pair(NamedTuple):
    """The same model twice, with the same values."""

    native: Detector
    shim: Any


def relative_path(variable: Any, detector: Detector) -> str:
    return variable.path.removeprefix(f"{detector.name}/")


def make_pair(config: Any, *, num_classes: int | None = None, seed: int = 3) -> Pair:
    """Both models of a DetectionModel proto, with random values, which are not those of another `seed`."""
    keras.utils.set_random_seed(seed)
    native, shim = build_native(config, num_classes=num_classes), build_shim(config, num_classes)
    random = np.random.default_rng(seed)
    values = {}
    for variable in native.weights:
        value = variable.numpy()
        if variable.path.endswith(("moving_mean", "bias", "beta")):
            value = value + random.normal(0, 0.1, value.shape)
        values[relative_path(variable, native)] = value
        variable.assign(value)
    for variable in shim.weights:
        variable.assign(values[relative_path(variable, shim)])
    return Pair(native, shim)


@pytest.fixture(scope="module")
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """`request.param` names the config; without dropout, which draws other numbers on each side."""
    text = CONFIGS[request.param]
    text = text.replace(
        "{ convolutional_box_predictor {", "{ convolutional_box_predictor { use_dropout: false"
    )
    yield make_pair(parse_pipeline_config(text, request.param).model)


@pytest.fixture(scope="session")
def images() -> tf.Tensor:
    return tf.constant(np.random.default_rng(4).integers(0, 256, [2, 90, 130, 3], dtype=np.uint8))


@pytest.fixture(scope="session")
def groundtruth() -> dict[str, tf.Tensor]:
    return {
        "boxes": tf.constant(
            [[[0.1, 0.1, 0.6, 0.5], [0.4, 0.3, 0.9, 0.9]], [[0.3, 0.4, 0.9, 0.8], [0.0, 0.0, 0.0, 0.0]]]
        ),
        "classes": tf.constant([[1, 3], [2, 0]]),
        "weights": tf.constant([[1.0, 0.5], [1.0, 0.0]]),
    }
