"""One training step as the native detector makes it: what training_step.run_steps starts after TF1's."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from components.checkpoint_converter.restore import require_complete, restore
from components.checkpoint_converter.sources import read_checkpoint
from detection.builder import build_detector
from detection.config.pipeline_config import read_pipeline_config
from detection.detector import Detector, Groundtruth
from detection.rounding import RoundingDetector
from detection.tf1.names import tf1_name
from tests.parity.training_step import (
    RATE,
    fixed_dropout,
    gradient_excess,
    read_batch,
    read_step,
    write_step,
)

ULP = 2.0**-23  # of float32, relative
# A near tie of a max-pool is decided the other way in one of several draws. Each costs a step, so more than
# the fewest are made only where a gradient differs from TF1's by more than these show.
FEWEST_DRAWS, MOST_DRAWS = 2, 16


def compute_gradients(
    detector: Detector, images: tf.Tensor, groundtruth: Groundtruth
) -> tuple[dict[str, tf.Tensor], tf.Tensor, list[tf.Tensor | None]]:
    """The losses of preprocessed images, the penalty, and the gradient of each trainable variable."""
    with tf.GradientTape() as tape:
        losses = detector.compute_losses(images, groundtruth, training=True)
        penalty = detector.regularization_loss()
        total = tf.add_n([*losses.values(), penalty])
    return losses, penalty, tape.gradient(total, [v.value for v in detector.trainable_variables])


def measure_rounding(
    detector: Detector,
    images: tf.Tensor,
    groundtruth: Groundtruth,
    gradients: list[tf.Tensor | None],
    is_enough: Callable[[list[float]], bool],
) -> list[float]:
    """How far each gradient moves when the image and every variable move by one unit in the last place.

    What float32 arithmetic computes is the exact result for inputs that are wrong by about so much: no two
    computations agree better. The detector is left with other values.
    """
    random = np.random.default_rng(0)
    start = [variable.numpy() for variable in detector.weights]
    furthest = [0.0] * len(gradients)

    def nudged(values: np.ndarray) -> np.ndarray:
        return (values * (1 + ULP * random.choice([-1, 1], values.shape))).astype(np.float32)

    for draw in range(MOST_DRAWS):
        if draw >= FEWEST_DRAWS and is_enough(furthest):
            break
        for variable, value in zip(detector.weights, start, strict=True):
            variable.assign(nudged(value))
        moved = compute_gradients(detector, tf.constant(nudged(images.numpy())), groundtruth)[2]
        for index, (one, other) in enumerate(zip(gradients, moved, strict=True)):
            if one is not None and other is not None:
                furthest[index] = max(furthest[index], float(tf.reduce_max(tf.abs(one - other))))
    return furthest


def main(folder: Path) -> None:
    """Train the detector of `folder` (pipeline.config and model.ckpt) by one step of gradient descent."""
    tf.nn.dropout = fixed_dropout
    detector = build_detector(read_pipeline_config(folder / "pipeline.config").model)
    rounds = isinstance(detector, RoundingDetector)
    if rounds:  # as in TF1's step: rewriting the graph changes the last place, and what that flips
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    variables = read_checkpoint(folder / "model.ckpt")
    require_complete(restore(detector, variables), variables.path)

    def name(variable: keras.Variable) -> str:
        return tf1_name(variable.path, detector.name)

    def values() -> dict[str, np.ndarray]:
        unread = {name: variable.numpy() for name, variable in detector.unread_variables().items()}
        return unread | {name(variable): variable.numpy() for variable in detector.weights}

    before = values()
    batch = read_batch(folder)
    groundtruth = {name: tf.constant(getattr(batch, name)) for name in ("boxes", "classes", "weights")}
    images = detector.preprocess(tf.constant(batch.images))
    trainable = detector.trainable_variables
    losses, penalty, gradients = compute_gradients(detector, images, groundtruth)
    pairs = list(zip(gradients, trainable, strict=True))
    moved = [(gradient, variable) for gradient, variable in pairs if gradient is not None]
    keras.optimizers.SGD(RATE).apply_gradients(moved)
    after = values()
    for variable in detector.weights:
        variable.assign(before[name(variable)])
    rounding = [0.0] * len(trainable)
    if not rounds:  # flipped roundings would be measured
        wanted = read_step(folder).gradients

        def explains(rounding: list[float]) -> bool:
            found = zip(gradients, trainable, rounding, strict=True)
            compared = [(g, wanted[name(v)], r) for g, v, r in found if g is not None and name(v) in wanted]
            return all(gradient_excess(g.numpy(), other, r) <= 1 for g, other, r in compared)

        rounding = measure_rounding(detector, images, groundtruth, gradients, explains)
    write_step(
        folder,
        losses=losses,
        regularization={"": penalty},
        gradients={name(variable): gradient for gradient, variable in moved},
        untouched=[name(variable) for gradient, variable in pairs if gradient is None],
        before=before,
        after=after,
        rounding={name(variable): value for value, variable in zip(rounding, trainable, strict=True)},
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
