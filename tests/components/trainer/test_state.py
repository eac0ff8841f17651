"""Saved states are resumed only by the same training, and the history never runs ahead of the weights."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer.optimizer import Momentum
from components.trainer.state import TrainingState
from detection.config.text_files import write_text


class Model:
    """One trained variable in a Keras model, with its optimizer."""

    def __init__(self, directory: Path, identity: str = "a") -> None:
        keras.utils.set_random_seed(0)
        self.model = keras.Sequential([keras.Input([3]), keras.layers.Dense(2)])
        self.optimizer = Momentum(keras.optimizers.schedules.PolynomialDecay(0.1, 10))
        self.optimizer.build(self.model.trainable_variables)
        self.state = TrainingState(directory, self.model, self.optimizer, identity)

    def step(self) -> None:
        gradients = [tf.ones_like(variable.value) for variable in self.model.trainable_variables]
        self.optimizer.apply(gradients, self.model.trainable_variables)
        self.state.history.append({"step": self.state.step, "loss": 1.0})


def test_resumed_optimizer_goes_on_as_if_nothing_happened(tmp_path: Path) -> None:
    first = Model(tmp_path / "one")
    assert first.state.restore() is None
    for _ in range(3):
        first.step()
    first.state.save()
    first.step()

    second = Model(tmp_path / "one")
    assert second.state.restore() == 3
    assert [row["step"] for row in second.state.history] == [1, 2, 3]
    second.step()
    for variable, expected in zip(second.model.variables, first.model.variables, strict=True):
        np.testing.assert_array_equal(variable.numpy(), expected.numpy())


def test_history_beyond_the_checkpoint_is_dropped(tmp_path: Path) -> None:
    first = Model(tmp_path)
    first.step()
    first.state.save()
    # what a kill between the two writes of a save leaves behind
    write_text('[{"step": 1, "loss": 1.0}, {"step": 2, "loss": 1.0}]', tmp_path / "history.json")
    second = Model(tmp_path)
    assert second.state.restore() == 1
    assert [row["step"] for row in second.state.history] == [1]


def test_another_training_starts_over(tmp_path: Path) -> None:
    first = Model(tmp_path, "a")
    first.step()
    first.state.save()
    assert Model(tmp_path, "b").state.restore() is None
    assert Model(tmp_path, "a").state.restore() is None


def test_only_the_last_two_checkpoints_are_kept(tmp_path: Path) -> None:
    training = Model(tmp_path)
    for _ in range(4):
        training.step()
        training.state.save()
    names = {path.stem for path in (tmp_path / "checkpoints").glob("*.index")}
    assert names == {"step-3", "step-4"}


@pytest.mark.parametrize("text", ["", "new"])
def test_write_text_replaces_and_leaves_nothing_else(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    write_text(text, path)
    assert path.read_text() == text and list(tmp_path.iterdir()) == [path]
