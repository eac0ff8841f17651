from pathlib import Path

import keras
import numpy as np
import pytest

from detection.errors import BadInput, Failed
from detection.ssd import SSD
from detection.weights import read_weights, write_weights


def test_every_variable_comes_back(small_detector: SSD, tmp_path: Path) -> None:
    write_weights(small_detector, tmp_path / "ckpt-1")
    wanted = [variable.numpy() for variable in small_detector.weights]
    for variable in small_detector.weights:
        variable.assign(variable + 1.0)
    read_weights(small_detector, tmp_path / "ckpt-1")
    for variable, value in zip(small_detector.weights, wanted, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_a_missing_checkpoint_is_bad_input(small_detector: SSD, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no converted checkpoint"):
        read_weights(small_detector, tmp_path / "ckpt-1")


def test_a_layer_that_escapes_the_checkpoint_is_failed(tmp_path: Path) -> None:
    class Hidden(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = [keras.layers.Dense(2)]  # Keras tracks it, tf.train.Checkpoint does not
            self.hidden[0].build((None, 3))
            self.built = True

    with pytest.raises(Failed, match="would miss 2 of 2 variables"):
        write_weights(Hidden(), tmp_path / "ckpt-1")
