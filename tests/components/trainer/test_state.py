"""Saved states are resumed only by the same training, whole, and give best and last for the export."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer.averages import MovingAverages
from components.trainer.optimizer import Momentum
from components.trainer.state import TrainingState, discard
from detection.config.text_files import write_text


class Model:
    """One trained variable in a Keras model, with its optimizer."""

    def __init__(self, directory: Path, identity: str = "a", *, decay: float = 0.0, **settings: Any) -> None:
        keras.utils.set_random_seed(0)
        self.model = keras.Sequential([keras.Input([3]), keras.layers.Dense(2)])
        self.optimizer = Momentum(keras.optimizers.schedules.PolynomialDecay(0.1, 10))
        self.optimizer.build(self.model.trainable_variables)
        self.averages = MovingAverages(self.model.trainable_variables, decay) if decay else None
        self.state = TrainingState(
            directory, self.model, self.optimizer, identity, averages=self.averages, **settings
        )

    def step(self, **validation: float) -> None:
        gradients = [tf.ones_like(variable.value) for variable in self.model.trainable_variables]
        self.optimizer.apply(gradients, self.model.trainable_variables)
        if self.averages:
            self.averages.update()
        self.state.history.append({"step": self.state.step, "loss": 1.0, **validation})
        if validation:
            self.state.save_best()

    def values(self) -> list[list[float]]:
        return [variable.numpy().ravel().tolist() for variable in self.model.variables]


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


def test_killed_between_the_files_of_a_checkpoint(tmp_path: Path) -> None:
    first = Model(tmp_path)
    first.step()
    first.state.unreported = {"steps": 1.0, "loss": 0.5}
    first.state.save()
    checkpoints = tmp_path / "checkpoints"
    whole = {path.name for path in checkpoints.iterdir()}
    # what a kill before TensorFlow's list of checkpoints is written leaves behind
    for name in ("step-2.json", "step-2.index", "step-2.data-00000-of-00001", ".step-2.json.abc"):
        (checkpoints / name).write_text("[")
    (checkpoints / "step-3_temp").mkdir()
    second = Model(tmp_path)
    assert second.state.restore() == 1
    assert [row["step"] for row in second.state.history] == [1]
    assert second.state.unreported == {"steps": 1.0, "loss": 0.5}
    assert {path.name for path in checkpoints.iterdir()} == whole


def test_another_training_starts_over(tmp_path: Path) -> None:
    first = Model(tmp_path, "a")
    first.step()
    first.state.save()
    assert Model(tmp_path, "b").state.restore() is None
    assert Model(tmp_path, "a").state.restore() is None


@pytest.mark.parametrize("other", ["layout", "record", "identity"])
def test_a_checkpoint_of_another_release_starts_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], other: str
) -> None:
    """One with other variables, with another record, or from before layouts were written down."""
    first = Model(tmp_path, decay=0.9 if other == "layout" else 0.0)
    first.step(eval_loss=1.0)
    first.state.save()
    if other == "record":
        monkeypatch.setattr("components.trainer.state._RELEASE", 2)
    if other == "identity":
        write_text("a", tmp_path / "identity")
    second = Model(tmp_path)
    assert "starts over" in capsys.readouterr().out
    assert second.state.restore() is None and second.state.load_best() is None
    second.step()
    second.state.save()
    assert Model(tmp_path).state.restore() == 1
    assert "starts over" not in capsys.readouterr().out


def test_a_removal_that_is_killed_does_not_stand_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(directory: Path) -> None:
        next((directory / "checkpoints").glob("*.index")).unlink()
        raise KeyboardInterrupt

    training = Model(tmp_path / "work")
    training.step(eval_loss=1.0)
    training.state.save()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(shutil, "rmtree", killed)
        discard(tmp_path / "work")
    assert Model(tmp_path / "work").state.restore() is None
    discard(tmp_path / "work")
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_only_the_last_checkpoints_are_kept(tmp_path: Path, kept: int) -> None:
    training = Model(tmp_path, checkpoints_kept=kept)
    for _ in range(4):
        training.step()
        training.state.save()
    names = {path.name for path in (tmp_path / "checkpoints").iterdir()} - {"checkpoint"}
    parts = (".index", ".json", ".data-00000-of-00001")
    assert names == {f"step-{step}{part}" for step in range(5 - kept, 5) for part in parts}


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_best_and_last_can_both_be_loaded_in_any_order(tmp_path: Path, decay: float) -> None:
    training = Model(tmp_path, decay=decay, best_by="mAP", keep="best")
    exported = {}
    for step, gain in {1: 0.1, 2: 0.4, 3: 0.3}.items():
        training.step(eval_loss=float(step), eval_mAP=gain)
        with training.averages.in_place() if training.averages else nullcontext():
            exported[step] = training.values()
        training.state.save()
    again = Model(tmp_path, decay=decay, best_by="mAP", keep="best")
    for one in (training, again):
        assert one is training or one.state.restore() == 3
        for load, step in (
            (one.state.load_best, 2),
            (one.state.load_last, 3),
            (one.state.load_last, 3),
            (one.state.load_exported, 2),
            (one.state.load_best, 2),
        ):
            assert load() == step
            assert one.values() == exported[step]
    assert exported[2] != exported[3]


def test_without_a_finite_validation_the_last_is_exported(tmp_path: Path) -> None:
    training = Model(tmp_path, keep="best")
    training.step(eval_loss=float("nan"))
    training.state.save()
    assert training.state.load_best() is None and training.state.load_exported() == 1
    assert training.state.finite_history == [{"step": 1, "loss": 1.0}]
    assert "eval_loss" in training.state.history[0]


@pytest.mark.parametrize("text", ["", "new"])
def test_write_text_replaces_and_leaves_nothing_else(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    write_text(text, path)
    assert path.read_text() == text and list(tmp_path.iterdir()) == [path]
