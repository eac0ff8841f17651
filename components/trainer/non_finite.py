"""Stops a training whose loss or gradient is no number, and says which image and layer it began with."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from components.trainer.dataset import Groundtruth, NamedBatch
from components.trainer.state import TrainingState
from components.trainer.trainable import Batch, DetectorTrainer, Part
from detection.config.text_files import write_text
from detection.errors import BadInput, Failed, UpcycleError, first_line

_BEYOND_IMAGE = 0.01  # how far a box may reach out of its image, in parts of it, by rounding
_NAMES_SHOWN = 3
_NAMES_WRITTEN = 20

Logs = dict[str, tf.Tensor]
Gradients = tuple[dict[str, tf.Tensor], list[tf.Tensor | None]]


class NonFiniteStop(keras.callbacks.Callback):
    """Ends the training at a loss or a gradient that is NaN or infinite; it must come first of all callbacks.

    The step that failed has updated nothing (see DetectorTrainer), so the model can be asked again what it
    makes of that batch, and what is saved stays as it was.

    Args:
      state: its step is the last one that was done.
      read_batch: the batch that follows a number of steps.
      dump: JSON file for what was found.
    """

    def __init__(self, state: TrainingState, read_batch: Callable[[int], NamedBatch], dump: Path) -> None:
        super().__init__()
        self._state = state
        self._read_batch = read_batch
        self._dump = dump

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Looks at two numbers that the step has computed anyway.

        Raises:
          BadInput: the weights, the data or the settings lead here, and would again.
          Failed: the same batch with the same weights is finite when it is computed once more.
        """
        logs = logs or {}
        if math.isfinite(float(logs["loss"])) and math.isfinite(float(logs["gradient_norm"])):
            return
        step = self._state.step + 1
        values = {name: float(value) for name, value in logs.items()}
        named = self._read_batch(self._state.step)
        try:
            found = examine(self.model, named)
        except (MemoryError, tf.errors.OpError) as error:  # which would hide why the training ends
            found = Examination(failed=first_line(error))
        write_text(json.dumps(_report(step, values, named, found), indent=2), self._dump)
        raise _error(step, values, named, found, self._dump)


@dataclass(frozen=True)
class Examination:
    """What a second look at one batch shows; names are Keras paths without the model's name.

    `first_layer` is None where every layer's output is finite. `image_losses` has each image's loss on its
    own, `suspects` the images whose loss or gradient alone is not finite, `bad_inputs` those of them with
    pixels that are no numbers, or a box that is none, lies outside the image, or has no area. `again` says
    whether the loss or the gradient is not finite this time either. `has_layers` is false for the Object
    Detection API's own graphs, which have none to look at. `failed` says why there was no second look, which
    needs more memory than a compiled step; the others are empty then.
    """

    weights: list[str] = field(default_factory=list)
    first_layer: str | None = None
    losses: list[str] = field(default_factory=list)
    gradients: list[str] = field(default_factory=list)
    image_losses: list[float] = field(default_factory=list)
    suspects: list[int] = field(default_factory=list)
    bad_inputs: list[int] = field(default_factory=list)
    again: bool = True
    has_layers: bool = True
    failed: str = ""


def examine(trainer: DetectorTrainer, batch: NamedBatch) -> Examination:
    """Computes losses and gradients of `batch` once more, step by step, and of each of its images."""
    detector = trainer.detector
    # The statistics of a batch norm that trains have already seen the batch.
    weights = detector.variables if detector.freeze_batch_norm else detector.trainable_variables
    tf.config.run_functions_eagerly(True)
    try:
        with _first_non_finite_output() as layers:
            losses, gradients = _compute_in_parts(trainer, batch)
        single = [_loss_and_norm(trainer, batch, index) for index in range(len(batch.source_ids))]
    finally:
        tf.config.run_functions_eagerly(False)
    norm = tf.linalg.global_norm(gradients)
    suspects = [index for index, values in enumerate(single) if not all(map(math.isfinite, values))]
    return Examination(
        weights=[_short(variable.path) for variable in weights if not _finite(variable.value)],
        first_layer=_short(layers[0]) if layers else None,
        losses=[name for name, value in losses.items() if not _finite(value)],
        gradients=[
            _short(variable.path)
            for variable, gradient in zip(trainer.trained, gradients, strict=True)
            if gradient is not None and not _finite(tf.convert_to_tensor(gradient))
        ],
        image_losses=[loss for loss, _ in single],
        suspects=suspects,
        bad_inputs=[index for index in suspects if not _usable(*_rows(batch, slice(index, index + 1)))],
        again=not (_finite(losses["loss"]) and _finite(norm)),
        has_layers=not detector.no_native_model,
    )


def _compute_in_parts(trainer: DetectorTrainer, batch: NamedBatch) -> Gradients:
    """As compute_gradients, in the parts that the step has: the batch may not fit in memory at once."""
    count = trainer.parts * trainer.distribute_strategy.num_replicas_in_sync
    if count == 1:
        return trainer.compute_gradients(batch.images, batch.groundtruth)
    size = len(batch.source_ids) // count
    parts = [_rows(batch, slice(start, start + size)) for start in range(0, count * size, size)]
    divisor = tf.add_n([trainer.detector.loss_divisor(groundtruth) for _, groundtruth in parts])
    losses, gradients = trainer.compute_gradients(*parts[0], Part(divisor, count))
    for part in parts[1:]:
        more, steeper = trainer.compute_gradients(*part, Part(divisor, count))
        losses = {name: value + more[name] for name, value in losses.items()}
        gradients = [
            value if value is None else value + own for value, own in zip(gradients, steeper, strict=True)
        ]
    return losses, gradients


def _loss_and_norm(trainer: DetectorTrainer, batch: NamedBatch, index: int) -> tuple[float, float]:
    """Of one image alone; its gradients go at once, since those of a whole batch would fill the memory."""
    losses, gradients = trainer.compute_gradients(*_rows(batch, slice(index, index + 1)))
    return float(losses["loss"]), float(tf.linalg.global_norm(gradients))


@contextmanager
def _first_non_finite_output() -> Iterator[list[str]]:
    """Collects the paths of layers with an output that is not finite, in the order in which they end."""
    found: list[str] = []
    original = keras.layers.Layer.__call__

    def call(layer: keras.layers.Layer, *args: Any, **settings: Any) -> Any:
        outputs = original(layer, *args, **settings)
        if not all(_finite(value) for value in tf.nest.flatten(outputs) if tf.is_tensor(value)):
            found.append(layer.path or layer.name)
        return outputs

    keras.layers.Layer.__call__ = call
    try:
        yield found
    finally:
        keras.layers.Layer.__call__ = original


def _rows(batch: NamedBatch, part: slice) -> Batch:
    return batch.images[part], {name: value[part] for name, value in batch.groundtruth.items()}


def _usable(image: tf.Tensor, groundtruth: Groundtruth) -> bool:
    boxes = groundtruth["boxes"][groundtruth["weights"] > 0]
    inside = (boxes >= -_BEYOND_IMAGE) & (boxes <= 1.0 + _BEYOND_IMAGE)  # false for NaN too
    return _finite(image) and bool(tf.reduce_all(inside) & tf.reduce_all(boxes[:, 2:] > boxes[:, :2]))


def _finite(value: tf.Tensor) -> bool:
    return not value.dtype.is_floating or bool(tf.reduce_all(tf.math.is_finite(value)))


def _short(path: str) -> str:
    return path.partition("/")[2] or path


def _report(step: int, values: dict[str, float], batch: NamedBatch, found: Examination) -> dict[str, Any]:
    images = []
    for index, source_id in enumerate(batch.source_ids):
        there = batch.groundtruth["weights"][index] > 0
        boxes = batch.groundtruth["boxes"][index][there].numpy().tolist()
        images.append(
            {
                "source_id": source_id,
                "loss": None if found.failed else _number(found.image_losses[index]),
                "finite": None if found.failed else index not in found.suspects,
                "boxes": [[_number(side) for side in box] for box in boxes],
                "classes": batch.groundtruth["classes"][index][there].numpy().tolist(),
            }
        )
    return {
        "step": step,
        "learning_rate": _number(values["learning_rate"]),
        "gradient_norm": _number(values["gradient_norm"]),
        "losses": {name: _number(value) for name, value in values.items() if name.endswith("loss")},
        "first_layer": found.first_layer,
        "non_finite_losses": found.losses,
        "non_finite_gradients": found.gradients[:_NAMES_WRITTEN],
        "non_finite_weights": found.weights[:_NAMES_WRITTEN],
        "images": images,
    }


def _number(value: float) -> float | str:
    """JSON has no NaN and no infinity."""
    return value if math.isfinite(value) else str(value)


def _error(
    step: int, values: dict[str, float], batch: NamedBatch, found: Examination, dump: Path
) -> UpcycleError:
    quantity = "loss" if not math.isfinite(values["loss"]) else "gradient_norm"
    what = f"the {quantity.replace('_', ' ')} is {values[quantity]} at step {step}"
    if found.first_layer:
        what += f", first in layer {found.first_layer}"
    elif found.gradients:
        what += ", with every layer's output finite" if found.has_layers else ""
        what += f"; first in the gradient of {found.gradients[0]}"
    elif found.failed:
        what += f"; a second look at the batch failed: {found.failed}"
    guilty = found.suspects or range(len(batch.source_ids))
    names = [batch.source_ids[index] for index in guilty]
    where = ", ".join(names[:_NAMES_SHOWN])
    if len(names) > _NAMES_SHOWN:
        where += f" and {len(names) - _NAMES_SHOWN} more images of the batch"
    where += f"; boxes, losses and layers: {dump}"
    if found.weights and step == 1:
        fix = f"convert the model again: its {found.weights[0]} is not finite before the first step"
        return BadInput(what, where, fix)
    if found.bad_inputs:
        return BadInput(what, where, "correct the boxes of these images, or take them out of the data")
    if not found.again:
        fix = "retry: computed once more, the batch is finite; if it comes back, leave train.jit_compile out"
        return Failed(what, where, fix)
    fix = f"lower train.learning_rate ({values['learning_rate']:g} at this step), "
    fix += "add train.warmup_steps, or set gradient_clipping_by_norm"
    if found.suspects and len(found.suspects) < len(batch.source_ids):
        fix = f"look at these images first, the others of the batch are finite; else {fix}"
    return BadInput(what, where, fix)
