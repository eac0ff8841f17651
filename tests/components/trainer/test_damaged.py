"""What a power cut leaves of a checkpoint is left out, and the training goes on from the one before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from components.trainer.damaged import drop_damaged, why_unreadable
from tests.components.trainer.test_state import Model

DATA = "step-3.data-00000-of-00001"


def cut(path: Path) -> None:
    """Only the first half of the file was on the disk."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def overwrite(path: Path) -> None:
    """Bytes of another file, as many."""
    path.write_bytes(bytes(path.stat().st_size))


def trained(directory: Path) -> Model:
    """Three steps, the last two of them kept; the best validation was at step 2."""
    model = Model(directory, keep="best")
    for loss in (3.0, 1.0, 2.0):
        model.step(eval_loss=loss)
        model.state.save()
    return model


@pytest.mark.parametrize("name", [DATA, "step-3.index", "step-3.json"])
@pytest.mark.parametrize("damage", [cut, empty, overwrite, Path.unlink])
def test_the_checkpoint_before_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, damage: Callable[[Path], None]
) -> None:
    trained(tmp_path)
    damage(tmp_path / "checkpoints" / name)
    resumed = Model(tmp_path, keep="best")
    assert resumed.state.restore() == 2
    assert capsys.readouterr().out.startswith("the checkpoint step-3 can't be read and is left out: ")
    assert not list((tmp_path / "checkpoints").glob("step-3*"))
    resumed.step(eval_loss=2.0)
    resumed.state.save()
    again = Model(tmp_path, keep="best")
    assert again.state.restore() == 3 and again.state.load_exported() == 2
    assert capsys.readouterr().out == ""


def test_with_none_that_can_be_read_the_training_starts_over(tmp_path: Path) -> None:
    trained(tmp_path)
    for name in ("step-2.index", DATA):
        cut(tmp_path / "checkpoints" / name)
    fresh = Model(tmp_path)
    values = fresh.values()
    assert fresh.state.restore() is None and fresh.values() == values
    assert not list((tmp_path / "checkpoints").iterdir())


@pytest.mark.parametrize("content", [b"", b"model_checkpoint_path: ", b"\xff\xfe"])
def test_a_damaged_list_is_made_anew(tmp_path: Path, content: bytes) -> None:
    expected = trained(tmp_path).values()
    (tmp_path / "checkpoints" / "checkpoint").write_bytes(content)
    resumed = Model(tmp_path)
    assert resumed.state.restore() == 3 and resumed.values() == expected
    assert list(drop_damaged(tmp_path / "checkpoints")) == []


def test_without_the_best_weights_the_last_are_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(tmp_path)
    best = tmp_path / "best" / "step-2"
    assert why_unreadable(best) is None
    cut(best.with_suffix(".index"))
    assert why_unreadable(best)
    resumed = Model(tmp_path, keep="best")
    assert resumed.state.restore() == 3 and resumed.state.load_exported() == 3
    assert "the best validation, at step 2, are lost: " in capsys.readouterr().out
    resumed.step(eval_loss=0.5)
    resumed.state.save()
    assert resumed.state.load_exported() == 4
