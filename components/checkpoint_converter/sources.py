"""Reads a TF1 detector's variables, however its path is spelled: prefix, file, folder, frozen graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from components.checkpoint_converter.bookkeeping import MOVING_AVERAGE, reason_to_ignore
from components.checkpoint_converter.locate import SourceFile, locate
from detection.errors import BadInput

OBJECT_GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"  # only TF2's object-based checkpoints hold it


@dataclass(frozen=True, eq=False)
class TF1Variables(Mapping[str, np.ndarray]):
    """A detector's variables by TF1 name; a mapping of name to array.

    `averages` holds the exponential moving averages by the name of the variable that they average. `ignored`
    names what the source holds besides the model (optimizer slots and the like), each with the reason.
    """

    arrays: dict[str, np.ndarray]
    kind: Literal["checkpoint", "frozen_graph"]
    path: str  # prefix of the checkpoint, or the frozen graph's file
    graph: Path | None = None
    averages: dict[str, np.ndarray] = field(default_factory=dict)
    ignored: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def for_inference(self, use_moving_averages: bool) -> TF1Variables:
        """What the TF1 exporter would take: averages in place of raw values where the config asks for it.

        Source: exporter.py swaps in the averages when eval_config.use_moving_averages is true. Batch norm's
        moving mean and variance have no average of their own and stay as they are. What is not taken is put
        in `ignored`.
        """
        ignored = dict(self.ignored)
        if use_moving_averages:
            values = self.arrays | self.averages
            for name in self.averages:
                ignored[name] = "raw value: its moving average was taken (eval_config.use_moving_averages)"
        else:
            values = self.arrays
            for name in self.averages:
                ignored[name + MOVING_AVERAGE] = "moving average: eval_config.use_moving_averages is false"
        return TF1Variables(values, self.kind, self.path, self.graph, {}, ignored)


def read_checkpoint(path: str | Path) -> TF1Variables:
    """Read a TF1 detector from a prefix, folder, `checkpoint`, .index, .data or .meta file, or frozen .pb.

    BadInput, with the fix, if there is nothing there, more than one candidate, a Git LFS pointer, a file cut
    off, a TF2 checkpoint, or a frozen graph whose batch norms were folded into the convolutions.
    """
    source = locate(Path(path))
    variables = _read_frozen_graph(source) if source.kind == "frozen_graph" else _read_prefix(source)
    if not variables.arrays:
        raise BadInput(
            "there is no model variable in it", str(path), "give the checkpoint of a trained detector"
        )
    return variables


def _read_frozen_graph(source: SourceFile) -> TF1Variables:
    from detection.tf1.frozen_graph import frozen_variables, load_frozen_graph

    values = frozen_variables(load_frozen_graph(source.path))
    folded = not any("/BatchNorm" in name or name.endswith("/moving_variance") for name in values)
    if folded:
        raise BadInput(
            "the graph was optimised for inference: batch norms are folded into the convolutions or "
            "variable reads "
            "were removed, so the variables for training can't be read from it",
            str(source.path),
            "give the frozen_inference_graph.pb as export_inference_graph.py wrote it, or the checkpoint",
        )
    return _sorted_out(values, "frozen_graph", str(source.path), source.path)


def _read_prefix(source: SourceFile) -> TF1Variables:
    import tensorflow as tf

    prefix = str(source.path)
    try:
        reader = tf.train.load_checkpoint(prefix)
        shapes = reader.get_variable_to_shape_map()
        wanted = [name for name in shapes if name.endswith(MOVING_AVERAGE) or reason_to_ignore(name) is None]
        if OBJECT_GRAPH_KEY in shapes:
            raise BadInput(
                "this is a TF2 (object-based) checkpoint, not a TF1 checkpoint",
                prefix,
                "give the TF1 model.ckpt it was made from; a model already in TF2 needs no conversion",
            )
        arrays = {name: reader.get_tensor(name) for name in wanted}
    except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
        raise BadInput(
            f"the checkpoint can't be read: {str(error).splitlines()[0]}",
            prefix,
            "copy its .index and .data files again; they must come from the same save and be complete",
        ) from error
    ignored = {name: reason_to_ignore(name) or "" for name in shapes if name not in arrays}
    return _sorted_out(arrays, "checkpoint", prefix, None, ignored)


def _sorted_out(
    arrays: dict[str, np.ndarray],
    kind: Literal["checkpoint", "frozen_graph"],
    path: str,
    graph: Path | None,
    ignored: dict[str, str] | None = None,
) -> TF1Variables:
    reasons = dict(ignored or {})
    values, averages = {}, {}
    for name, array in arrays.items():
        base = name.removesuffix(MOVING_AVERAGE)
        if base != name and base in arrays:
            averages[base] = array
        elif (reason := reason_to_ignore(name)) is not None:
            reasons[name] = reason
        else:
            values[name] = array
    return TF1Variables(values, kind, path, graph, averages, reasons)
