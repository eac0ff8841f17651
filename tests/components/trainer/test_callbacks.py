"""Reports of the training's progress, and its early stop."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import tensorflow as tf

from components.trainer.callbacks import EvaluationLoss, Reporter, _clock
from components.trainer.state import TrainingState


def run(
    total: int, losses: list[float], log_dir: Path, evaluation: Any = None, patience: int | None = None
) -> tuple[list, Reporter]:
    state = SimpleNamespace(step=0, history=[], saved=[])
    state.save_best = lambda: state.saved.append(state.step)
    writer = tf.summary.create_file_writer(str(log_dir))
    reporter = Reporter(cast(TrainingState, state), total, 8, writer, evaluation, patience)
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
    reporter.set_model(SimpleNamespace(stop_training=False))
    state = reporter._state
    for _ in range(3):
        state.step += 1  # type: ignore[misc]
        reporter.on_train_batch_end(0, {"loss": tf.constant(1.0), "learning_rate": tf.constant(0.5)})
    assert [row.get("eval_loss") for row in history] == [None, 7.0, 7.0]


def test_training_stops_after_evaluations_without_gain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    eval_losses = iter([5.0, 4.0, 4.0, 6.0, 1.0])

    class Evaluation(EvaluationLoss):
        def compute(self, model: object) -> dict[str, float]:
            return {"eval_loss": next(eval_losses)}

    history, reporter = run(20, [], tmp_path, Evaluation(tf.data.Dataset.range(1), 2), patience=2)
    model = SimpleNamespace(stop_training=False)
    reporter.set_model(model)
    state = cast(Any, reporter._state)
    while not model.stop_training:
        state.step += 1
        reporter.on_train_batch_end(0, {"loss": tf.constant(1.0), "learning_rate": tf.constant(0.5)})
    assert state.step == 8 and state.saved == [2, 4, 6, 8]
    assert "no lower eval loss in 2 evaluations, the lowest was at step 4" in capsys.readouterr().out


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (75, "1:15"), (3725, "1:02:05")])
def test_clock(seconds: float, text: str) -> None:
    assert _clock(seconds) == text
