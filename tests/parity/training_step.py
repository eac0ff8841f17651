"""One training step of a detector, as two processes can compute it from the same files and compare.

Nothing in it is left to chance: dropout drops fixed channels, and a model that samples must have a config
that asks for more examples than there are. Each step is computed in a process of its own, without oneDNN: its
convolutions add up in another order in a graph than outside, and a batch norm over a few cells turns that
into differences of 1e-3 of a gradient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.parity.child import run_child

RATE = 0.01
DROPPED = 3  # of every so many channels, fixed dropout drops the first
GRADIENT = 1e-4  # what a gradient may differ by: of a variable's largest,
# and of its rounding. Batch norm cancels some gradients, such as those of the offsets of a layer that another
# batch norm follows: all that is left of them is rounding, which the native step measures.
ROUNDING = 2


@dataclass(frozen=True)
class Batch:
    """Images `[B, h, w, 3]` uint8, and groundtruth that ends in padding.

    `boxes` `[B, N, 4]`, `classes` `[B, N]` from 1, 0 in padding, `weights` `[B, N]`.
    """

    images: np.ndarray
    boxes: np.ndarray
    classes: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Step:
    """What was computed; the variables' names are TF1's.

    Attributes:
      losses: by their names after `Loss/`.
      regularization: the regularisation loss of each variable, or of all together as "".
      gradients: of the sum of all losses; a trainable variable that no loss depends on is not there.
      untouched: the trainable variables that no loss depends on.
      before, after: the value of every variable before and after the step.
      rounding: how far float32's rounding moves each gradient; only the native step measures it.
    """

    losses: dict[str, float]
    regularization: dict[str, float]
    gradients: dict[str, np.ndarray]
    untouched: frozenset[str]
    before: dict[str, np.ndarray]
    after: dict[str, np.ndarray]
    rounding: dict[str, float]


def gradient_excess(found: np.ndarray, wanted: np.ndarray, rounding: float) -> float:
    """How far a gradient differs from TF1's, of what is allowed where rounding moves it by `rounding`."""
    difference = float(np.abs(found - wanted).max())
    allowed = GRADIENT * float(np.abs(wanted).max()) + ROUNDING * rounding
    return difference / allowed if allowed else float("inf") if difference else 0.0


def make_batch() -> Batch:
    """The batch of all comparisons: boxes of many shapes, one of weight 0.5 and one of weight 0."""
    from components.checkpoint_converter.proof_images import proof_images

    tall, wide, large = [0.05, 0.3, 0.8, 0.5], [0.3, 0.1, 0.7, 0.85], [0.0, 0.1, 0.8, 0.8]
    small, tiny, square = [0.05, 0.55, 0.3, 0.95], [0.6, 0.1, 0.7, 0.2], [0.4, 0.4, 0.8, 0.8]
    padding = [0.0, 0.0, 0.0, 0.0]
    boxes = [
        [tall, large, wide, small, tiny, square],
        [[0.1, 0.45, 0.85, 0.65], [0.0, 0.2, 0.9, 0.95], [0.4, 0.1, 0.8, 0.9], *[padding] * 3],
        [padding] * 6,
        [large, square, *[padding] * 4],
    ]
    classes = [[1, 3, 2, 1, 2, 3], [2, 3, 1, 0, 0, 0], [0] * 6, [1, 2, 0, 0, 0, 0]]
    weights = [[1, 0.5, 1, 1, 1, 0], [1, 1, 1, 0, 0, 0], [0] * 6, [1, 1, 0, 0, 0, 0]]
    return Batch(
        images=np.stack([image[:120, :160] for image in proof_images([])[0]]),
        boxes=np.array(boxes, np.float32),
        classes=np.array(classes, np.int32),
        weights=np.array(weights, np.float32),
    )


def fixed_dropout(values: Any, rate: float) -> Any:
    """What stands in for dropout on both sides: the same channels (last axis) are dropped every time."""
    kept = np.arange(int(values.shape[-1])) % DROPPED > 0
    return values * (kept / (1.0 - rate)).astype(np.float32)


def run_steps(config: str, folder: Path) -> tuple[Step, Step]:
    """What TF1 and the native detector of a TrainEvalPipelineConfig text compute of the same batch."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pipeline.config").write_text(config)
    np.savez(folder / "batch.npz", **vars(make_batch()))
    return _run("od_api_step", folder), _run("native_step", folder)


def _run(module: str, folder: Path) -> Step:
    run_child(module, str(folder), legacy_keras=module == "od_api_step", one_dnn=False)
    return read_step(folder)


def read_batch(folder: Path) -> Batch:
    """The batch that `run_steps` wrote."""
    with np.load(folder / "batch.npz") as written:
        return Batch(**written)


def write_step(
    folder: Path,
    *,
    losses: Mapping[str, Any],
    regularization: Mapping[str, Any],
    gradients: Mapping[str, Any],
    untouched: list[str],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    rounding: Mapping[str, Any],
) -> None:
    """Hand the parts of a Step, of arrays, to `run_steps`."""
    parts = {
        "losses": losses,
        "regularization": regularization,
        "gradients": gradients,
        "untouched": dict.fromkeys(untouched, 0),
        "before": before,
        "after": after,
        "rounding": rounding,
    }
    np.savez(
        folder / "step.npz",
        **{f"{part}:{name}": value for part, values in parts.items() for name, value in values.items()},
    )


def read_step(folder: Path) -> Step:
    """The step that was written last."""
    parts: dict[str, dict[str, Any]] = {part: {} for part in Step.__dataclass_fields__}
    with np.load(folder / "step.npz") as written:
        for key, value in written.items():
            part, name = key.split(":", 1)
            parts[part][name] = value
    return Step(
        losses={name: float(value) for name, value in parts["losses"].items()},
        regularization={name: float(value) for name, value in parts["regularization"].items()},
        gradients=parts["gradients"],
        untouched=frozenset(parts["untouched"]),
        before=parts["before"],
        after=parts["after"],
        rounding={name: float(value) for name, value in parts["rounding"].items()},
    )
