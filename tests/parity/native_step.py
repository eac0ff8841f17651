"""One training step as the native detector makes it: what training_step.run_steps starts."""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import tensorflow as tf

from components.checkpoint_converter.restore import require_complete, restore
from components.checkpoint_converter.sources import read_checkpoint
from detection.builder import build_detector
from detection.config.pipeline_config import read_pipeline_config
from detection.tf1.names import tf1_name
from tests.parity.training_step import RATE, fixed_dropout, read_batch, write_step


def main(folder: Path) -> None:
    """Train the detector of `folder` (pipeline.config and model.ckpt) by one step of gradient descent."""
    tf.nn.dropout = fixed_dropout
    detector = build_detector(read_pipeline_config(folder / "pipeline.config").model)
    variables = read_checkpoint(folder / "model.ckpt")
    require_complete(restore(detector, variables), variables.path)

    def name(variable: keras.Variable) -> str:
        return tf1_name(variable.path, detector.name)

    before = {name(variable): variable.numpy() for variable in detector.weights}
    batch = read_batch(folder)
    groundtruth = {name: tf.constant(getattr(batch, name)) for name in ("boxes", "classes", "weights")}
    images = detector.preprocess(tf.constant(batch.images))
    trainable = detector.trainable_variables
    with tf.GradientTape() as tape:
        losses = detector.compute_losses(images, groundtruth, training=True)
        penalty = detector.regularization_loss()
        total = tf.add_n([*losses.values(), penalty])
    gradients = tape.gradient(total, [variable.value for variable in trainable])
    pairs = list(zip(gradients, trainable, strict=True))
    moved = [(gradient, variable) for gradient, variable in pairs if gradient is not None]
    keras.optimizers.SGD(RATE).apply_gradients(moved)
    write_step(
        folder,
        losses=losses,
        regularization={"": penalty},
        gradients={name(variable): gradient for gradient, variable in moved},
        untouched=[name(variable) for gradient, variable in pairs if gradient is None],
        before=before,
        after={name(variable): variable.numpy() for variable in detector.weights},
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
