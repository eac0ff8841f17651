"""training.json of a trained model; no TensorFlow here."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class LearningRateCurve(BaseModel):
    """What a learning rate range test found: the smoothed loss at each rate, in the order of the steps.

    `suggestion` is None where no rate lowered the loss; `applied` says whether the training used it.
    """

    rates: list[float]
    losses: list[float]
    suggestion: float | None
    applied: bool


class Trial(BaseModel):
    """One short training of a sweep: the settings it changed, and the validation loss at its end.

    `loss` is None where the training failed, by a loss that is no number for example; `why` says how.
    """

    settings: dict[str, float | int | str]
    loss: float | None
    why: str = ""


class Sweep(BaseModel):
    """All trials of a search for settings; `best` is the index of the one with the lowest loss."""

    trials: list[Trial]
    best: int | None
    applied: bool


class TrainingResult(BaseModel):
    """training.json of a trained model.

    `history` has one row for each reporting interval: step, mean losses over the interval, learning
    rate, and eval losses and metrics where they were computed. `seconds` and `images_per_second` are of the
    process that finished the training; `resumed_from` is the step it started at (None: from the beginning).
    `steps` were done, fewer than asked for where `stopped_early`; the exported model is that of
    `exported_step`, with the `averages` of its trained variables or their own `values`. `device` says what
    computed it, in words.
    """

    steps: int
    batch_size: int
    history: list[dict[str, float]]
    seconds: float
    images_per_second: float
    learning_rate: float
    resumed_from: int | None
    exported_step: int
    exported_weights: Literal["values", "averages"]
    stopped_early: bool
    train_images: int
    eval_images: int
    variables_trained: int
    variables_frozen: int
    augmentations: list[str]
    not_applied: list[str]
    device: str
    search: LearningRateCurve | None
    sweep: Sweep | None
