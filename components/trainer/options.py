"""What a person may set about training, and what training reports; no TensorFlow here."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class TrainOptions(BaseModel):
    """The `train` section of a detector's YAML. None means: as pipeline.config says.

    `freeze` holds regular expressions, searched in TF1 variable names, as train_config.freeze_variables.
    `schedule: config` keeps the config's learning-rate schedule (scaled, if `learning_rate` is given);
    `warmup_steps` belongs to the schedules `constant` and `cosine`. `jit_compile` compiles the training step
    with XLA, for SSD models. `keep: best` exports the weights of the evaluation with the lowest loss;
    `stop_after_evals_without_gain` ends the training after so many evaluations without a lower one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int | None = Field(default=None, ge=1)
    batch_size: int | None = Field(default=None, ge=1)
    learning_rate: float | None = Field(default=None, gt=0)
    warmup_steps: int | None = Field(default=None, ge=0)
    optimizer: Literal["config", "momentum", "adam", "rmsprop"] = "config"
    schedule: Literal["config", "constant", "cosine"] = "config"
    freeze: list[str] = Field(default_factory=list)
    train_batch_norm: bool = False
    checkpoint_every_steps: int = Field(default=100, ge=1)
    eval_every_steps: int | None = Field(default=None, ge=1)
    seed: int = 0
    augment: bool = True
    jit_compile: bool = False
    keep: Literal["last", "best"] = "last"
    stop_after_evals_without_gain: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _evaluated(self) -> TrainOptions:
        if self.eval_every_steps is None and (self.keep == "best" or self.stop_after_evals_without_gain):
            setting = "keep: best" if self.keep == "best" else "stop_after_evals_without_gain"
            raise ValueError(f"{setting} needs eval_every_steps: it looks at evaluation losses")
        return self


class TrainingResult(BaseModel):
    """training.json of a trained model.

    `history` has one row for each reporting interval: step, mean losses over the interval, learning
    rate, and eval losses where they were computed. `seconds` and `images_per_second` are of the process
    that finished the training; `resumed_from` is the step it started at (None: from the beginning).
    `steps` were done, fewer than asked for where `stopped_early`; the exported model is that of
    `exported_step`, with the `averages` of its trained variables or their own `values`.
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
