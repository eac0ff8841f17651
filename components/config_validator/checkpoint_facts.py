"""What a checkpoint's table of variables says that a config must suit. No value is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from detection.config.pipeline_config import KIND, read_pipeline_config
from detection.errors import BadInput

_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"  # only TF2's checkpoints hold it
Kind = Literal["detection", "classification", "tf2"]


@dataclass(frozen=True)
class CheckpointFacts:
    """The variables of a checkpoint, frozen graph or SavedModel.

    Attributes:
      path: the checkpoint as given, for messages.
      kind: a detector of TF1, a slim classifier, or a detector of TF2.
      num_classes: of the class head, background excluded; None for a classifier or an unusual head.
      variables: shapes by TF1 name; optimizer slots, averages and the like are not among them.
      averages: whether it holds moving averages of the variables.
      quantised: whether it comes from quantisation-aware training.
      original: the TrainEvalPipelineConfig that lies beside it, else None; original_path is its file, or "".
    """

    path: str
    kind: Kind
    num_classes: int | None
    variables: Mapping[str, tuple[int, ...]]
    averages: bool = False
    quantised: bool = False
    original: Any | None = None
    original_path: str = ""


def read_checkpoint_facts(path: Path) -> CheckpointFacts:
    """The facts of a checkpoint by any path that CheckpointConverter takes; BadInput as it raises it.

    TensorFlow is imported only for a frozen graph, a SavedModel and a checkpoint of TF2.
    """
    from components.checkpoint_converter.locate import locate

    source = locate(path)
    shapes = _table(source.path) if source.kind == "checkpoint" else {}
    if not shapes or _OBJECT_GRAPH in shapes:
        return _facts(path, *_read_with_tensorflow(path))
    return _facts(path, shapes, "detection")


def original_config(path: Path) -> Path | None:
    """The pipeline.config beside a checkpoint or in the folder above, where exports have it."""
    folder = path if path.is_dir() else path.parent
    return next((file for file in (folder / KIND, folder.parent / KIND) if file.is_file()), None)


def _table(prefix: Path) -> dict[str, tuple[int, ...]]:
    from components.checkpoint_converter.index_file import index_shapes, v1_shapes
    from components.checkpoint_converter.v1_format import v1_files

    index = prefix.with_name(prefix.name + ".index")
    if index.is_file():
        return index_shapes(index)
    return v1_shapes(v1_files(prefix)[0])  # each shard lists the variables of all


def _read_with_tensorflow(path: Path) -> tuple[dict[str, tuple[int, ...]], Kind]:
    from components.checkpoint_converter.bookkeeping import MOVING_AVERAGE
    from components.checkpoint_converter.sources import read_checkpoint

    read = read_checkpoint(path)
    shapes = {name: tuple(array.shape) for name, array in read.items()}
    shapes |= {name + MOVING_AVERAGE: tuple(array.shape) for name, array in read.averages.items()}
    shapes |= dict.fromkeys(read.ignored, ())
    return shapes, "tf2" if read.kind == "tf2_checkpoint" else "detection"


def _facts(path: Path, shapes: Mapping[str, tuple[int, ...]], kind: Kind) -> CheckpointFacts:
    from components.checkpoint_converter.bookkeeping import (
        MOVING_AVERAGE,
        is_quantisation_range,
        reason_to_ignore,
    )
    from components.checkpoint_converter.inspect import is_classification

    variables = {name: shape for name, shape in shapes.items() if reason_to_ignore(name) is None}
    classifier = is_classification(variables)
    original, original_path = _original(path)
    return CheckpointFacts(
        path=str(path),
        kind="classification" if classifier else kind,
        num_classes=None if classifier else _num_classes(variables),
        variables=variables,
        averages=any(name.endswith(MOVING_AVERAGE) for name in shapes),
        quantised=any(is_quantisation_range(name) for name in shapes),
        original=original,
        original_path=original_path,
    )


def _num_classes(variables: Mapping[str, tuple[int, ...]]) -> int | None:
    import numpy as np

    from components.checkpoint_converter.inspect import checkpoint_num_classes

    zero = np.zeros((), np.float32)
    try:
        return checkpoint_num_classes({name: np.broadcast_to(zero, s) for name, s in variables.items()})
    except BadInput:
        return None  # no head that is known


def _original(path: Path) -> tuple[Any | None, str]:
    file = original_config(path)
    if file is not None:
        try:
            return read_pipeline_config(file), str(file)
        except BadInput:
            pass  # damaged, or of another project: nothing is known
    return None, ""
