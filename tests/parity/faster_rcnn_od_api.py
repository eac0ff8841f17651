"""The losses of a Faster R-CNN as the OD API's TF1 code computes them, in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np


def write_losses(folder: Path) -> None:
    """`folder`/losses.npz from its pipeline.config, model.ckpt and batch.npz (image and groundtruth)."""
    from detection.tf1 import compat

    compat.install()
    import tensorflow.compat.v1 as tf
    from object_detection.builders import model_builder

    from detection.config.pipeline_config import read_pipeline_config

    batch = np.load(folder / "batch.npz")
    config = read_pipeline_config(folder / "pipeline.config")
    num_classes = config.model.faster_rcnn.num_classes
    with tf.Graph().as_default(), tf.Session() as session:
        model = model_builder.build(config.model, is_training=True)
        model.provide_groundtruth(
            [tf.constant(batch["boxes"])],
            [tf.one_hot(batch["classes"] - 1, num_classes)],
            groundtruth_weights_list=[tf.constant(batch["weights"])],
        )
        images, shapes = model.preprocess(tf.constant(batch["image"][None], tf.float32))
        losses = model.loss(model.predict(images, shapes), shapes)
        tf.train.Saver().restore(session, str(folder / "model.ckpt"))
        found = session.run(losses)
    np.savez(folder / "losses.npz", **{name.removeprefix("Loss/"): value for name, value in found.items()})


if __name__ == "__main__":
    write_losses(Path(sys.argv[1]))
