"""Reports of the training's progress, and its stop at a loss that is no number."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import tensorflow as tf

from components.trainer.callbacks import EvaluationLoss, Reporter, _clock
from components.trainer.state import TrainingState
from detection.errors import Failed


def run(total: int, losses: list[float], log_dir: Path, evaluation: Any = None) -> tuple[list, Reporter]:
    state = SimpleNamespace(step=0, history=[])
    writer = tf.summary.create_file_writer(str(log_dir))
    reporter = Reporter(cast(TrainingState, state), total, 8, writer, evaluation)
    for loss in losses:
        state.step += 1
        reporter.on_train_batch_end(0, {"loss": tf.constant(loss), "learning_rate": tf.constant(0.5)})
    return state.history, reporter


def test_a_row_is_the_mean_of_its_interval(tmp_path: Path) -> None:
    history, _ = run(400, [1.0, 3.0, 2.0, 6.0], tmp_path)
    assert history == [
        {"step": 2, "loss": 2.0, "learning_rate": 0.5},
        {"step": 4, "loss": 4.0, "learning_rate": 0.5},
    ]


def test_the_last_step_always_has_a_row_and_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history, reporter = run(401, [1.0] * 401, tmp_path)
    assert len(history) <= 200 and history[-1]["step"] == 401
    assert reporter.images_per_second > 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("step 401/401 loss 1.000 lr 0.5 ") and last.endswith("img/s eta 0:00")


def test_evaluation_at_its_steps_and_the_last(tmp_path: Path) -> None:
    class Evaluation(EvaluationLoss):
        def compute(self, model: object) -> dict[str, float]:
            return {"eval_loss": 7.0}

    evaluation = Evaluation(tf.data.Dataset.range(1), 2)
    history, reporter = run(3, [], tmp_path, evaluation)
    reporter.set_model(SimpleNamespace())
    state = reporter._state
    for _ in range(3):
        state.step += 1  # type: ignore[misc]
        reporter.on_train_batch_end(0, {"loss": tf.constant(1.0), "learning_rate": tf.constant(0.5)})
    assert [row.get("eval_loss") for row in history] == [None, 7.0, 7.0]


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_loss_that_is_no_number_fails(tmp_path: Path, loss: float) -> None:
    with pytest.raises(Failed, match=f"the loss is {loss} at step 2"):
        run(10, [1.0, loss], tmp_path)


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (75, "1:15"), (3725, "1:02:05")])
def test_clock(seconds: float, text: str) -> None:
    assert _clock(seconds) == text
