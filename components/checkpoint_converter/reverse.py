"""Writes a converted or trained detector under its TF1 names again: a checkpoint that TF1's code loads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from pydantic import BaseModel

from components.checkpoint_converter.bookkeeping import MOVING_AVERAGE
from components.checkpoint_converter.locate import PART, checkpoint_data, locate
from components.checkpoint_converter.output import (
    require_no_pattern,
    require_room,
    resolved_path,
    scratch_beside,
)
from components.checkpoint_converter.proof import prove
from components.checkpoint_converter.proof_images import proof_images
from components.checkpoint_converter.proof_stages import score_threshold
from components.checkpoint_converter.report import Proof
from detection.builder import build_detector
from detection.config.keras_twins import is_twin
from detection.config.pipeline_config import read_pipeline_config, write_pipeline_config
from detection.detector import Detector
from detection.errors import BadInput, Failed, first_line
from detection.tf1.frozen_graph import FrozenDetector, load_frozen_graph
from detection.tf1.names import tf1_name
from detection.tf1.oracle import find_unread, write_oracle
from detection.weights import read_weights

_CONFIG, _CHECKPOINT = "pipeline.config", "checkpoint/ckpt-1"
_PARTS = ("checkpoint", "saved_model")  # of a detector's folder
_ONES = ("gamma", "moving_variance")
_STATISTICS = ("moving_mean", "moving_variance")  # of batch norm: TF1 keeps no average of them


class Reversed(BaseModel):
    """What was written: `variables` of the model, `averages` of them, and the proof against TF1's graph."""

    source: str
    prefix: str
    variables: int
    averages: int
    proof: Proof | None


def reverse(folder: Path, prefix: Path, images: list[Path], proof: bool = True) -> Reversed:
    """Write the TF1 checkpoint `prefix` (.index and .data) of the detector in `folder`.

    Args:
        folder: of a conversion or a training: pipeline.config and checkpoint/ckpt-1.*.
        prefix: of the V2-format checkpoint to write; one of this name is replaced. It holds global_step 0,
            and where eval_config.use_moving_averages is true also the averages that TF1's exporter reads.
        images: for the proof; the first four count; synthetic images if empty.
        proof: build the TF1 graph by the Object Detection API, load what was written, and compare.

    BadInput if the folder holds no such detector or `prefix` can't be one; Failed if the proof fails: nothing
    is written then.
    """
    if not (folder / _CONFIG).is_file():
        raise BadInput(
            "this is no folder of a converted or trained detector: it has no pipeline.config",
            str(folder),
            "give the folder that `upcycle convert --out` wrote, with checkpoint/ and pipeline.config",
        )
    target = _require_free_prefix(prefix, folder)
    config = read_pipeline_config(folder / _CONFIG)
    detector = build_detector(config.model)
    _read(detector, folder / _CHECKPOINT)
    values = {tf1_name(weight.path, detector.name): weight.numpy() for weight in detector.weights}
    if len(values) != len(detector.weights):
        raise Failed(
            "two variables of the model have one TF1 name", str(folder), "report this: it is a defect"
        )
    values |= {name: variable.numpy() for name, variable in detector.unread_variables().items()}
    if not is_twin(config.model):
        values |= fill_unread(find_unread(folder / _CONFIG), values)
    averages = averages_of(values) if config.eval_config.use_moving_averages else {}
    proved = None
    with scratch_beside(target) as scratch:
        partial = scratch / target.name
        write_tf1_checkpoint(values | averages, partial)
        if proof:
            frozen = scratch / "frozen_inference_graph.pb"
            written = scratch / _CONFIG
            write_pipeline_config(config, written)
            write_oracle(written, str(partial), frozen)
            oracle = FrozenDetector(load_frozen_graph(frozen), str(partial))
            threshold = score_threshold(config.model)
            proved = prove(detector, oracle, *proof_images(images), threshold)
        _put_in_place(partial, target)
    return Reversed(
        source=str(folder),
        prefix=str(prefix),
        variables=len(values),
        averages=len(averages),
        proof=proved,
    )


def _require_free_prefix(prefix: Path, folder: Path) -> Path:
    """The absolute prefix to write; BadInput if it can't be one, or would damage the detector in `folder`."""
    if prefix.name in ("", "..") or str(prefix) == "." or prefix.is_dir():
        raise BadInput(
            "with --reverse the output is a checkpoint's prefix, not a folder",
            str(prefix),
            f"give a name in it: {prefix / 'model.ckpt'}",
        )
    if match := PART.search(prefix.name):
        raise BadInput(
            f"with --reverse the output is a checkpoint's prefix, without {match[0]}",
            str(prefix),
            f"give {prefix.with_name(prefix.name.removesuffix(match[0]))}",
        )
    target = resolved_path(prefix.parent) / prefix.name
    require_no_pattern(target)
    require_room(target)
    source = folder.resolve()
    if any(target.is_relative_to(source / part) for part in _PARTS):
        raise BadInput(
            "the TF1 checkpoint would be written among the files of the detector that it is made of",
            str(prefix),
            "give a prefix in another folder",
        )
    return target


def _read(detector: Detector, prefix: Path) -> None:
    """Loads the weights; BadInput if a file of the checkpoint is missing or damaged."""
    try:
        if prefix.with_suffix(".index").is_file():
            locate(prefix)
        read_weights(detector, prefix)
    except (tf.errors.OpError, IndexError, RuntimeError) as error:
        raise BadInput(
            f"the detector's checkpoint can't be read: {first_line(error)}",
            str(prefix),
            "copy the folder again, or convert again",
        ) from error


def _put_in_place(written: Path, prefix: Path) -> None:
    """Moves a checkpoint to its prefix, where none of an earlier one stays; without its index it is none."""
    index = prefix.with_name(prefix.name + ".index")
    index.unlink(missing_ok=True)
    for earlier in (*checkpoint_data(prefix), prefix.with_name(prefix.name + ".meta")):
        earlier.unlink(missing_ok=True)
    for data in checkpoint_data(written):
        os.replace(data, prefix.with_name(data.name))
    os.replace(written.with_name(written.name + ".index"), index)


def fill_unread(unread: Mapping[str, list[int]], values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Values for the variables that no output of TF1's model depends on, where `values` lacks them.

    The native model leaves them out, and so says nothing of them: batch norm starts as in TF1, kernels are 0.
    """
    return {
        name: np.full(shape, name.rsplit("/", 1)[-1] in _ONES, np.float32)
        for name, shape in unread.items()
        if name not in values
    }


def write_tf1_checkpoint(values: Mapping[str, np.ndarray], prefix: Path) -> None:
    """Write arrays by TF1 name as a V2-format checkpoint, with a global_step of 0 as TF1's exporter wants."""
    named = dict(values) | {"global_step": np.int64(0)}
    names = sorted(named)
    with tf.device("/CPU:0"):
        tf.raw_ops.SaveV2(
            prefix=str(prefix),
            tensor_names=names,
            shape_and_slices=[""] * len(names),
            tensors=[tf.constant(named[name]) for name in names],
        )


def averages_of(values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The moving averages to write beside trained values: equal to them, since they are what is served."""
    return {
        name + MOVING_AVERAGE: value
        for name, value in values.items()
        if name.rsplit("/", 1)[-1] not in _STATISTICS
    }


def format_reversed(result: Reversed) -> str:
    """The result for people, as text."""
    lines = [f"{result.variables} variables written under their TF1 names", f"  checkpoint: {result.prefix}"]
    if result.averages:
        lines.append(
            f"  averages:   {result.averages}, equal to the values (eval_config.use_moving_averages)"
        )
    if result.proof is None:
        lines.append("  proof:      left out")
    else:
        lines.append(
            f"  proof:      raw outputs within {result.proof.max_difference_raw:.1e} of the TF1 graph on "
            f"{result.proof.images} images, {result.proof.matched_detections} detections matched"
        )
    return "\n".join(lines)
