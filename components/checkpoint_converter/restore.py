"""Puts TF1 values into a model's variables and accounts for every variable on both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.checkpoint_converter.name_map import tf1_name
from components.checkpoint_converter.report import Block, Variable
from detection.builder import block_of
from detection.errors import Failed

BLOCKS = ("backbone", "feature_maps", "box_head", "class_head")
FRESH_HEAD = "ClassPredictor"


@dataclass(frozen=True)
class Restored:
    """What became of the model's variables, by TF1 name.

    `fresh` keep their initial values on purpose (new classes); `missing` found no value that fits.
    """

    loaded: tuple[str, ...]
    fresh: tuple[Variable, ...]
    missing: tuple[Variable, ...]

    @property
    def skipped(self) -> tuple[Variable, ...]:
        """Every variable that was not loaded."""
        return self.fresh + self.missing

    def blocks(self) -> list[Block]:
        """Counts by block of the model, in the order of computation."""
        lost = Counter(block_of(variable.name) for variable in self.skipped)
        loaded = Counter(block_of(name) for name in self.loaded)
        return [
            Block(block=name, wanted=loaded[name] + lost[name], loaded=loaded[name], skipped=lost[name])
            for name in BLOCKS
            if loaded[name] + lost[name]
        ]


def restore(model: Any, values: Mapping[str, np.ndarray], *, fresh_class_head: bool = False) -> Restored:
    """Assign every variable of a built `model` from `values` (TF1 name to array).

    With `fresh_class_head` the class predictors keep the Object Detection API's initial values: they predict
    other classes than the checkpoint's. The OD API's own "detection" start drops both heads; this keeps what
    fits.
    """
    loaded, fresh, missing = [], [], []
    for variable in model.weights:  # not .variables, which counts the state of dropout's random numbers
        name = tf1_name(variable.path, model.name)
        shape = tuple(variable.shape)
        if fresh_class_head and FRESH_HEAD in name.split("/"):
            fresh.append(
                Variable(name=name, reason="fresh: predicts the new classes, from the initial values")
            )
        elif name not in values:
            missing.append(Variable(name=name, reason="not in the checkpoint"))
        elif values[name].shape != shape:
            reason = f"shape {values[name].shape} in the checkpoint, {shape} in the model"
            missing.append(Variable(name=name, reason=reason))
        else:
            variable.assign(values[name])
            loaded.append(name)
    return Restored(tuple(loaded), tuple(fresh), tuple(missing))


def require_complete(restored: Restored, source: str) -> None:
    """Failed if any variable found no value: training would start from a partly random model."""
    if not restored.missing:
        return
    counts = ", ".join(f"{block.block} {block.loaded}/{block.wanted}" for block in restored.blocks())
    first = min(restored.missing, key=lambda variable: BLOCKS.index(block_of(variable.name)))
    raise Failed(
        f"{len(restored.missing)} variables of the model found no value (loaded: {counts}); "
        f"first {first.name}: {first.reason}",
        source,
        "use the pipeline.config that the checkpoint was trained with: feature extractor type, "
        "depth_multiplier, "
        "min_depth, use_depthwise, anchors and box predictor must be the same",
    )
