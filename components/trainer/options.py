"""The sections `train:` and `export:` of a detector's YAML. Both environments import this: pydantic alone."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from components.settings import Section

Block = Literal["backbone", "feature_maps", "fpn", "rpn", "attention", "box_head", "class_head", "masks"]
BestBy = Literal["loss", "mAP", "mAP_50", "mAP_75"]


class Unfreezing(Section):
    """Blocks that stay as they are before a step."""

    step: int = Field(ge=1, description="how many steps are done before they train")
    blocks: list[Block] = Field(min_length=1, description="parts of the model, as the conversion names them")


class SearchOptions(Section):
    """A short training with a rising learning rate, before the training itself."""

    min_rate: float = Field(default=1e-5, gt=0, description="the rate of its first step")
    max_rate: float = Field(default=1.0, gt=0, description="the rate of its last step")
    steps: int = Field(default=60, ge=10, description="how many steps it takes")
    apply: bool = Field(default=False, description="whether the rate that it suggests is used")


class SweepOptions(Section):
    """Short trainings with other settings, before the training itself, which takes the best of them."""

    trials: int = Field(default=4, ge=2, description="how many settings are tried")
    steps: int = Field(default=60, ge=1, description="steps of each trial")
    learning_rate: list[Annotated[float, Field(gt=0)]] = Field(
        default_factory=list, description="learning rates to try"
    )
    batch_size: list[Annotated[int, Field(ge=1)]] = Field(
        default_factory=list, description="batch sizes to try"
    )
    optimizer: list[Literal["momentum", "adam", "adamw", "rmsprop"]] = Field(
        default_factory=list, description="optimizers to try"
    )
    restored_rate: list[Annotated[float, Field(gt=0, le=1)]] = Field(
        default_factory=list, description="values of `restored_rate` to try"
    )
    apply: bool = Field(default=True, description="whether the best trial's settings are used")

    @model_validator(mode="after")
    def _tries_something(self) -> SweepOptions:
        if not (self.learning_rate or self.batch_size or self.optimizer or self.restored_rate):
            raise ValueError("a list of values to try is missing, for example learning_rate: [0.001, 0.004]")
        return self


class TrainOptions(Section):
    """How to fine-tune. What is left out comes from pipeline.config."""

    steps: int | None = Field(default=None, ge=1, description="training steps")
    batch_size: int | None = Field(default=None, ge=1, description="images in a step")
    learning_rate: float | None = Field(
        default=None, gt=0, description="the highest learning rate of the schedule"
    )
    warmup_steps: int | None = Field(default=None, ge=0, description="steps to rise to it")
    optimizer: Literal["momentum", "adam", "adamw", "rmsprop", "config"] = Field(
        default="config", description="config: as in pipeline.config"
    )
    weight_decay: float = Field(default=0.004, ge=0, description="of the optimizer adamw")
    schedule: Literal["cosine", "constant", "config"] = Field(
        default="config", description="config: as in pipeline.config"
    )
    freeze: list[str] = Field(default_factory=list, description="patterns of TF1 names that don't train")
    restored_rate: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="part of the learning rate for restored weights, where others start fresh",
    )
    block_rates: dict[Block, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict, description="part of the learning rate by block, in place of `restored_rate`"
    )
    unfreeze: list[Unfreezing] = Field(default_factory=list, description="blocks that start to train later")
    keep_old_classes: float | None = Field(
        default=None,
        gt=0,
        description="weight of the loss that holds on to what the TF1 model says of its own classes",
    )
    train_batch_norm: bool | None = Field(
        default=None,
        description="whether batch normalisation's statistics move; without it, config and batch size decide",
    )
    accumulate: int = Field(default=1, ge=1, description="parts of a batch that are computed one by one")
    halve_batch: bool = Field(
        default=False, description="whether a batch that does not fit in memory is computed in halves"
    )
    checkpoint_every_steps: int = Field(default=100, ge=1, description="what a killed training loses at most")
    checkpoint_every_minutes: float | None = Field(
        default=10.0, gt=0, description="the same in minutes; whichever comes first"
    )
    checkpoints_kept: int = Field(default=2, ge=1, description="how many of them stay on the disk")
    seed: int = Field(default=17, ge=0, description="seed of all that is random")
    deterministic: bool = Field(
        default=False, description="whether only operations are used that give the same bits each time"
    )
    eval_every_steps: int | None = Field(default=None, ge=1, description="steps between validations")
    eval_images: int | None = Field(
        default=None, ge=1, description="images of each validation; without it, all of the split eval"
    )
    augment: bool = Field(default=True, description="whether pipeline.config's augmentation is applied")
    device: Literal["auto", "gpu", "cpu"] = Field(
        default="auto", description="gpu fails without one; auto takes what the machine offers"
    )
    gpus: int | None = Field(
        default=None, ge=1, description="how many GPUs; without it, all that are visible"
    )
    precision: Literal["auto", "float32", "mixed"] = Field(
        default="auto", description="auto: mixed where the GPU is fast at it"
    )
    jit_compile: bool | None = Field(
        default=None,
        description="whether XLA compiles the training step (SSD models only); without it, on a GPU from "
        "3000 steps on",
    )
    keep: Literal["last", "best"] = Field(
        default="last", description="which step's model is exported; best: of the best validation"
    )
    best_by: BestBy = Field(default="loss", description="what the best validation is measured by")
    stop_after_evals_without_gain: int | None = Field(
        default=None, ge=1, description="validations in a row, none better, that end the training"
    )
    lr_search: SearchOptions | None = Field(
        default=None, description="a learning rate range test before the training (see training.md)"
    )
    sweep: SweepOptions | None = Field(
        default=None, description="a small search for settings before the training (see training.md)"
    )

    @model_validator(mode="after")
    def _consistent(self) -> TrainOptions:
        if self.steps and self.warmup_steps and self.warmup_steps >= self.steps:
            raise ValueError("warmup_steps must be less than steps")
        if self.eval_every_steps is None:
            looks = {
                "keep: best": self.keep == "best",
                "stop_after_evals_without_gain": self.stop_after_evals_without_gain is not None,
                "best_by": self.best_by != "loss",
            }
            setting = next((name for name, given in looks.items() if given), None)
            if setting:
                raise ValueError(f"{setting} needs eval_every_steps: it looks at validations")
        search = self.lr_search
        if search and search.min_rate >= search.max_rate:
            raise ValueError("lr_search.min_rate must be less than max_rate")
        batch_sizes = [self.batch_size or 0, *(self.sweep.batch_size if self.sweep else [])]
        if any(size % self.accumulate for size in batch_sizes):
            raise ValueError("batch_size must be a multiple of accumulate")
        return self

    @property
    def in_parts(self) -> bool:
        """Whether a batch is computed in parts, or will be if memory runs out."""
        return self.accumulate > 1 or self.halve_batch


class ExportOptions(Section):
    """What is written beside the SavedModel, and what the model card says."""

    tflite: list[Literal["float32", "float16", "int8"]] = Field(
        default_factory=list, description="TFLite models to write (SSD models only)"
    )
    calibration_images: int = Field(default=100, ge=1, description="training images that calibrate int8")
    licence: str = Field(default="", description="of the model, for its card")
    data_licence: str = Field(default="", description="of the training data, for the card")
    intended_use: str = Field(default="", description="what the model is for, for the card")
    limits: str = Field(default="", description="what it must not be used for, for the card")
    contact: str = Field(default="", description="who answers for it, for the card")
