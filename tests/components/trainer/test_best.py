"""Which step is the best, when that is long enough ago, and whose files are there after a kill."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest

from components.trainer.best import BestWeights, best_step, gained_nothing

NAN = float("nan")


def history(*losses: float | None) -> list[dict[str, float]]:
    """A row a step; None: a step without evaluation."""
    return [
        {"step": step} if loss is None else {"step": step, "eval_loss": loss}
        for step, loss in enumerate(losses, 1)
    ]


@pytest.mark.parametrize(
    ("losses", "best"),
    [((), None), ((None, None), None), ((3, None, 2, 2), 3), ((NAN, 3, NAN), 2), ((NAN, float("inf")), None)],
)
def test_best_is_the_first_lowest_finite_loss(losses: tuple[float | None, ...], best: int | None) -> None:
    assert best_step(history(*losses)) == best


@pytest.mark.parametrize(
    ("losses", "patience", "stops"),
    [
        ((3, 2, 2, None), 2, False),
        ((3, 2, 2, None, 2), 2, True),
        ((3, 2, 2, 2, 1), 2, False),
        ((NAN, NAN), 2, True),
        ((3, 4, 4, 4), None, False),
        ((), 1, False),
    ],
)
def test_patience_ends_with_the_evaluations_since_the_best(
    losses: tuple[float | None, ...], patience: int | None, stops: bool
) -> None:
    assert gained_nothing(history(*losses), patience) == stops


def metrics(**values: tuple[float, ...]) -> list[dict[str, float]]:
    """A row with a validation for each value; NaN: the metric is absent, as without any object."""
    rows = zip(*values.values(), strict=True)
    return [
        {"step": step, "eval_loss": 1.0}
        | {f"eval_{name}": value for name, value in zip(values, row, strict=True) if value == value}
        for step, row in enumerate(rows, 1)
    ]


def test_best_by_a_metric_is_the_first_highest() -> None:
    rows = metrics(mAP=(0.1, 0.3, 0.3, 0.2), mAP_50=(0.5, 0.4, 0.6, 0.6), mAP_75=(NAN, NAN, NAN, NAN))
    assert [best_step(rows, by) for by in ("loss", "mAP", "mAP_50", "mAP_75")] == [1, 2, 3, None]


def test_patience_by_a_metric() -> None:
    rows = metrics(mAP=(0.1, 0.3, 0.3, 0.2), mAP_50=(0.5, 0.4, 0.6, 0.6), mAP_75=(NAN, NAN, NAN, NAN))
    assert gained_nothing(rows, 2, "mAP") and not gained_nothing(rows, 3, "mAP")
    assert gained_nothing(rows, 1, "mAP_50") and not gained_nothing(rows, 2, "mAP_50")
    assert gained_nothing(rows, 4, "mAP_75")  # never any gain


def test_weights_come_back_and_others_go(tmp_path: Path) -> None:
    variable = keras.Variable([1.0, 2.0])
    best = BestWeights(tmp_path / "best", [variable])
    best.keep_only(None)  # before anything is there
    for step in (1, 10, 11):
        variable.assign([float(step), 0.0])
        best.save(step)
    (tmp_path / "best" / "step-12_temp").mkdir()  # what a killed write leaves
    best.keep_only(10, None)
    assert {file.stem for file in (tmp_path / "best").glob("step*")} == {"step-10"}
    best.load(10)
    assert variable.numpy().tolist() == [10.0, 0.0]
