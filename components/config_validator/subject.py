"""What the rules look at, and the form in which they answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what a lint of the config alone doesn't use takes no time to import
    from components.config_validator.checkpoint_facts import CheckpointFacts
    from components.config_validator.data_facts import DataFacts
    from components.config_validator.findings import Change, Severity
    from detection.config.label_map import LabelMap


@dataclass(frozen=True)
class Subject:
    """A config and everything that is known about what it will be used with; None is unknown.

    `config` is a TrainEvalPipelineConfig, `text_path` the file that it was read from. `is_final` says that
    overrides are made: what isn't set now is never set. `tflite` says that TFLite models are to be exported.
    """

    config: Any
    label_map: LabelMap | None = None
    label_map_path: str = "label map"
    data: DataFacts | None = None
    checkpoint: CheckpointFacts | None = None
    text_path: Path | None = None
    is_final: bool = False
    tflite: bool = False

    @property
    def kind(self) -> str:
        """The meta-architecture: "ssd", "faster_rcnn", ..."""
        return str(self.config.model.WhichOneof("model"))

    @property
    def detector(self) -> Any:
        """The message of the meta-architecture."""
        return getattr(self.config.model, self.kind)

    @property
    def ssd(self) -> Any | None:
        """The Ssd message, if this is one."""
        return self.config.model.ssd if self.kind == "ssd" else None

    @property
    def faster_rcnn(self) -> Any | None:
        """The FasterRcnn message, if this is one."""
        return self.config.model.faster_rcnn if self.kind == "faster_rcnn" else None

    @property
    def is_context_rcnn(self) -> bool:
        """Whether it reads features of other images; with R-FCN's predictor TF1 ignores context_config."""
        model = self.faster_rcnn
        return (
            model is not None
            and model.HasField("context_config")
            and not model.second_stage_box_predictor.HasField("rfcn_box_predictor")
        )

    @property
    def num_classes(self) -> int | None:
        """num_classes of the meta-architecture, where it has such a field."""
        return getattr(self.detector, "num_classes", None)

    @property
    def training(self) -> Any:
        """The TrainConfig message."""
        return self.config.train_config

    @property
    def evaluation(self) -> Any:
        """The EvalConfig message."""
        return self.config.eval_config

    @property
    def optimizer(self) -> str | None:
        """The optimizer's field of train_config.optimizer ("momentum_optimizer"), if one is named."""
        name = self.training.optimizer.WhichOneof("optimizer")
        return None if name is None else str(name)

    @property
    def original(self) -> Any | None:
        """The TrainEvalPipelineConfig that the checkpoint was trained with, where it lies beside it."""
        return self.checkpoint.original if self.checkpoint else None


@dataclass(frozen=True)
class Problem:
    """A rule's answer. `field` is the dotted path of the proto; `place` overrides it for other files."""

    severity: Severity
    message: str
    field: str
    reason: str
    fix: str
    changes: tuple[Change, ...] = ()
    place: str = ""


Check = Callable[[Subject], Iterator[Problem]]


@dataclass(frozen=True)
class Rule:
    """A check, the stable code that reports, tests and docs name it by, and what docs say about it.

    Why the rule is there is said by the check's docstring. `severities` are those that the check can answer
    with, worst first. `example` is text of a config (or of the file it is about) that the rule answers to,
    `fix` the cure in a sentence. `safe` says whether some of its answers carry changes that are made without
    asking.
    """

    code: str
    title: str
    check: Check = field(repr=False)
    severities: tuple[Severity, ...]
    example: str
    fix: str
    safe: bool = False


def counted(count: int, singular: str, plural: str) -> str:
    """A number with its noun: "1 box", "2 boxes"."""
    return f"{count} {singular if count == 1 else plural}"
