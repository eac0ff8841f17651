"""Puts TF1 values into a model's variables and accounts for every variable on both sides."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.checkpoint_converter.class_head import carry_rows
from components.checkpoint_converter.report import TRAINING_STATE, Block, ClassHead, Variable
from components.checkpoint_converter.sources import TF1Variables
from detection.blocks import BLOCKS, block_of
from detection.errors import BadInput
from detection.tf1.names import tf1_name


@dataclass(frozen=True)
class Restored:
    """What became of the model's variables.

    `fresh` keep initial values on purpose, at least for new classes; `missing` (name: reason) found no value
    that fits.
    """

    loaded: tuple[Variable, ...]
    fresh: tuple[Variable, ...]
    missing: dict[str, str]


def restore(
    model: Any,
    values: Mapping[str, np.ndarray],
    head: ClassHead | None = None,
    prior_bias: float | None = None,
) -> Restored:
    """Assign every variable of a built `model` from `values` (TF1 name to array).

    With `head` the class rows are carried over as it says, and fresh ones keep the Object Detection API's
    initial values, or `prior_bias` as their bias. The OD API's own "detection" start drops both heads; this
    keeps what fits. Moving averages of the network go on where the checkpoint says how far they have come.
    """
    loaded: list[Variable] = []
    fresh: list[Variable] = []
    missing: dict[str, str] = {}
    for variable in model.weights:  # not .variables, which counts the state of dropout's random numbers
        name = tf1_name(variable.path, model.name)
        if name not in values:
            missing[name] = "not in the checkpoint"
            continue
        value, reason = values[name], ""
        if head is not None:
            carried = carry_rows(name, value, variable.numpy(), head, prior_bias)
            if carried is not None:
                value, reason = carried, _row_reason(name, head)
        if value.shape != tuple(variable.shape):
            missing[name] = f"shape {value.shape} in the checkpoint, {tuple(variable.shape)} in the model"
            continue
        if value.dtype.name != variable.dtype:
            missing[name] = f"{value.dtype.name} in the checkpoint, {variable.dtype} in the model"
            continue
        variable.assign(value)
        (fresh if reason else loaded).append(_entry(name, values[name], variable, reason))
    if isinstance(values, TF1Variables) and values.state:
        unread = model.unread_variables()
        for name in sorted(unread.keys() & values.state.keys()):
            unread[name].assign(values.state[name])
            loaded.append(_entry(name, values.state[name], unread[name]))
    return Restored(tuple(loaded), tuple(fresh), missing)


def _entry(name: str, before: np.ndarray, variable: Any, fresh_because: str = "") -> Variable:
    """What the report says of a variable that has its value now; `before` is the checkpoint's."""
    return Variable(
        name=name,
        block=block_of(name),
        state="fresh" if fresh_because else "loaded",
        reason=fresh_because or "the checkpoint's value",
        hash_before=value_hash(before),
        hash_after=value_hash(variable.numpy()),
    )


def value_hash(value: np.ndarray) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of an array's bytes."""
    return hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()[:16]


def _row_reason(name: str, head: ClassHead) -> str:
    """Why a class head's variable counts as fresh; "" if every class has its row from the checkpoint."""
    if head.carried == len(head.rows):
        return ""
    kept = "" if name.startswith("SecondStageBoxPredictor/BoxEncodingPredictor") else "background and "
    if head.carried == 0:
        kept = kept.replace(" and ", "") or "nothing"
        return f"fresh for the new classes, {kept} kept"
    return f"fresh for new classes, {kept}{head.carried} of {len(head.rows)} classes kept by name"


def dropped(variables: TF1Variables, restored: Restored) -> list[Variable]:
    """Every variable of the source that no variable of the model takes, with the reason."""
    taken = {variable.name for variable in restored.loaded + restored.fresh}
    unused = sorted(set(variables) - taken)
    entries = [
        Variable(
            name=name,
            block=block_of(name),
            state="dropped",
            reason="the model has no variable of this name",
            hash_before=value_hash(variables[name]),
            hash_after=None,
        )
        for name in unused
    ]
    entries += [
        Variable(
            name=name, block=TRAINING_STATE, state="dropped", reason=reason, hash_before=None, hash_after=None
        )
        for name, reason in sorted(variables.ignored.items())
        if name not in taken & variables.state.keys()  # a raw value whose average is taken is dropped
    ]
    return entries


def count_blocks(variables: list[Variable]) -> list[Block]:
    """Counts by block, in the order of computation; what training left comes last."""
    counts = Counter((variable.block, variable.state) for variable in variables)
    return [
        Block(
            block=block,
            wanted=counts[block, "loaded"] + counts[block, "fresh"],
            loaded=counts[block, "loaded"],
            fresh=counts[block, "fresh"],
            dropped=counts[block, "dropped"],
        )
        for block in (*BLOCKS, TRAINING_STATE)
        if any(counts[block, state] for state in ("loaded", "fresh", "dropped"))
    ]


def require_complete(restored: Restored, source: str) -> None:
    """BadInput if any variable found no value: training would start from a partly random model."""
    if not restored.missing:
        return
    found = Counter(variable.block for variable in restored.loaded + restored.fresh)
    lost = Counter(block_of(name) for name in restored.missing)
    counts = ", ".join(
        f"{block} {found[block]}/{found[block] + lost[block]}"
        for block in BLOCKS
        if found[block] + lost[block]
    )
    first = min(restored.missing, key=lambda name: BLOCKS.index(block_of(name)))
    raise BadInput(
        f"{len(restored.missing)} variables of the model found no value (loaded: {counts}); "
        f"first {first}: {restored.missing[first]}",
        source,
        "use the pipeline.config that the checkpoint was trained with: feature extractor type, "
        "depth_multiplier, "
        "min_depth, use_depthwise, anchors and box predictor must be the same",
    )


def require_finite(model: Any, source: str) -> None:
    """BadInput if a variable of the restored `model` holds NaN or infinity: no proof is needed to see it."""
    broken = [variable for variable in model.weights if not np.isfinite(variable.numpy()).all()]
    if broken:
        raise BadInput(
            f"{len(broken)} variables hold numbers that are not finite (NaN or infinite), such as "
            f"{tf1_name(broken[0].path, model.name)}",
            source,
            "the training went wrong before this checkpoint: give an earlier one",
        )


def require_no_leftovers(variables: TF1Variables, restored: Restored) -> None:
    """BadInput if the source has heads or feature maps that the model has not: it is of a larger model.

    A TF1 graph of the same pipeline.config would lack them too, so that no proof would tell. A backbone may
    hold more than is read of it: TF1 builds it to its end.
    """
    leftovers = [
        entry for entry in dropped(variables, restored) if entry.block not in ("backbone", TRAINING_STATE)
    ]
    if not leftovers:
        return
    counts = Counter(entry.block for entry in leftovers)
    blocks = ", ".join(f"{counts[block]} of {block}" for block in BLOCKS if counts[block])
    raise BadInput(
        f"the checkpoint holds {len(leftovers)} variables that the config's model has not ({blocks}), "
        f"such as {leftovers[0].name}",
        variables.path,
        "use the pipeline.config that the checkpoint was trained with: the number of layers and levels, and "
        "whether it predicts masks, must be the same",
    )
