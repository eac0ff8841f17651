"""Reads a detector's variables, however its path is spelled: checkpoint, frozen graph or SavedModel.

All come out by their TF1 names; those of a TF2 checkpoint are translated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from components.checkpoint_converter.bookkeeping import MOVING_AVERAGE, is_average_state, reason_to_ignore
from components.checkpoint_converter.locate import SAVED_MODEL, SourceFile, locate
from components.checkpoint_converter.output import require_no_pattern
from components.checkpoint_converter.tf2_checkpoint import OBJECT_GRAPH_KEY, read_tf2_variables
from components.checkpoint_converter.v1_format import reader_path
from detection.errors import BadInput, first_line

TF2_CHECKPOINT: Literal["tf2_checkpoint"] = "tf2_checkpoint"
Kind = Literal["checkpoint", "frozen_graph", "saved_model", "tf2_checkpoint"]


@dataclass(frozen=True, eq=False)
class TF1Variables(Mapping[str, np.ndarray]):
    """A detector's variables by TF1 name; a mapping of name to array.

    `averages` holds the exponential moving averages by the name of the variable that they average. `ignored`
    names what the source holds besides the model (optimizer slots and the like), each with the reason.
    `folded` holds, by a convolution's scope, the offset [C] of a batch norm folded into its weights.
    `fresh` names variables with initial values, because the source has none for them, each with the reason.
    `state` says how far moving averages have come in training; it is ignored where no model goes on with it.
    """

    arrays: dict[str, np.ndarray]
    kind: Kind
    path: str  # what TensorFlow's checkpoint readers take, or the file of the graph
    graph: Path | None = None
    averages: dict[str, np.ndarray] = field(default_factory=dict)
    ignored: dict[str, str] = field(default_factory=dict)
    folded: dict[str, np.ndarray] = field(default_factory=dict)
    fresh: dict[str, str] = field(default_factory=dict)
    state: dict[str, np.ndarray] = field(default_factory=dict)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def for_inference(self, use_moving_averages: bool) -> TF1Variables:
        """What the TF1 exporter would take: averages in place of raw values where they are asked for.

        Source: exporter.py swaps in the averages when eval_config.use_moving_averages is true. Batch norm's
        moving mean and variance have no average of their own and stay as they are. What is not taken is put
        in `ignored`.
        """
        ignored = dict(self.ignored)
        if use_moving_averages:
            values = self.arrays | self.averages
            for name in self.averages:
                ignored[name] = "raw value: its moving average was taken"
        else:
            values = self.arrays
            for name in self.averages:
                ignored[name + MOVING_AVERAGE] = "moving average: the raw values were taken"
        return replace(self, arrays=values, averages={}, ignored=ignored)


def read_checkpoint(path: str | Path) -> TF1Variables:
    """Read a detector from a checkpoint of TF1 or TF2, a frozen graph or a TF1 SavedModel.

    A checkpoint is meant by its prefix, folder, `checkpoint`, .index, .data or .meta file, or by a V1 file.
    BadInput, with the fix, if there is nothing there, more than one candidate, a Git LFS pointer, a file cut
    off, a TF2 checkpoint of a model that TF1 has not, a TF2 SavedModel, or a graph optimised beyond recovery.
    """
    source = locate(Path(path))
    read = {"checkpoint": _read_prefix, "frozen_graph": _read_frozen_graph, "saved_model": _read_saved_model}
    variables = read[source.kind](source)
    if not variables.arrays:
        raise BadInput(
            "there is no model variable in it", str(path), "give the checkpoint of a trained detector"
        )
    return variables


def _read_frozen_graph(source: SourceFile) -> TF1Variables:
    return _read_graph(source.path, "frozen_graph")


def _read_saved_model(source: SourceFile) -> TF1Variables:
    """The variables that the serving graph reads; what else `variables/` holds is accounted for.

    Without `image_tensor` the graph can't run on images; the proof's reference is then built from the config.
    """
    prefix = source.path / "variables" / "variables"
    has_variables = prefix.with_name("variables.index").is_file()
    if has_variables:
        require_no_pattern(prefix)
    variables = _read_graph(source.path / SAVED_MODEL, "saved_model")
    if not has_variables:
        return variables
    held = _read_prefix(SourceFile(prefix, "checkpoint"))
    ignored = dict(held.ignored)
    ignored |= {name + MOVING_AVERAGE: "the serving graph does not read it" for name in held.averages}
    ignored |= {name: "the serving graph does not read it" for name in set(held) - set(variables)}
    if variables.graph is None:
        return replace(variables, path=str(prefix), ignored=ignored)
    return replace(variables, ignored=ignored)


def _read_graph(file: Path, kind: Kind) -> TF1Variables:
    from detection.tf1.frozen_graph import INPUT, frozen_variables, load_frozen_graph
    from detection.tf1.optimised_graph import optimised_variables

    graph_def = load_frozen_graph(file)
    try:
        optimised = optimised_variables(graph_def, str(file))
        values = optimised.values | frozen_variables(graph_def)
    except (ValueError, TypeError, IndexError) as error:  # a node without its inputs, its value or its type
        raise BadInput(
            f"a node of the graph is damaged: {first_line(error)}",
            str(file),
            "copy or download it again and compare the size with the original",
        ) from error
    runs = kind == "frozen_graph" or any(node.name == INPUT for node in graph_def.node)
    variables = _sorted_out(values, kind, str(file), file if runs else None)
    return replace(variables, folded=optimised.folded)


def _read_prefix(source: SourceFile) -> TF1Variables:
    import tensorflow as tf

    require_no_pattern(source.path)
    prefix = reader_path(source.path)
    try:
        reader = tf.train.load_checkpoint(prefix)
        shapes = reader.get_variable_to_shape_map()
        if OBJECT_GRAPH_KEY in shapes:
            found = read_tf2_variables(reader, prefix)
            return TF1Variables(
                found.arrays, TF2_CHECKPOINT, prefix, averages=found.averages, ignored=found.ignored
            )
        wanted = [name for name in shapes if name.endswith(MOVING_AVERAGE) or reason_to_ignore(name) is None]
        arrays = {name: reader.get_tensor(name) for name in wanted}
        state = {name: reader.get_tensor(name) for name in shapes if is_average_state(name)}
    except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
        raise BadInput(
            f"the checkpoint can't be read: {first_line(error)}",
            prefix,
            "copy all its files again; they must come from the same save and be complete",
        ) from error
    ignored = {name: reason_to_ignore(name) or "" for name in shapes if name not in arrays}
    return replace(_sorted_out(arrays, "checkpoint", prefix, None, ignored), state=state)


def _sorted_out(
    arrays: dict[str, np.ndarray],
    kind: Kind,
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
