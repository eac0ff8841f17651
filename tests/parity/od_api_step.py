"""One training step as the OD API's TF1 code makes it: what training_step.run_steps starts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from tests.parity.training_step import RATE, fixed_dropout, read_batch, write_step

# batch norm's offsets: on the linear part of a ReLU6, below it and above
LINEAR, OFF, CLIPPED = 3.0, -3.0, 9.0
HARD_SWISH = "FeatureExtractor/MobilenetV3/"
NO_GAMMA = "/InceptionResnetV2/"


def _initial(name: str, shape: list[int], random: np.random.Generator) -> np.ndarray:
    """A value that makes the step smooth, so that two computations of it can be compared closely.

    Batch norm puts each channel on one side of every kink, far from it: with random values a few of the many
    activations lie within a rounding of one, and each of them can turn up to a tenth of a gradient.
    """
    layer, leaf = name.rsplit("/", 1)
    scale = 0.5 if name.startswith(HARD_SWISH) else 1.0  # hard swish has kinks at -3 and 3
    if leaf == "gamma":
        return scale * random.uniform(0.2, 0.4, shape)
    if leaf == "beta":
        if layer.endswith(("conv3/BatchNorm", "shortcut/BatchNorm")):
            return random.uniform(1.0, 1.5, shape)  # the sum of a residual unit is on the linear side too
        return scale * random.choice([LINEAR, OFF, CLIPPED], shape, p=[0.7, 0.15, 0.15])
    if leaf == "moving_variance":
        largest = 30.0 if NO_GAMMA in name else 1.5  # in place of a small gamma
        return random.uniform(largest / 3, largest, shape)
    if leaf in ("min", "max"):
        return random.uniform(*((-0.3, 0.0) if leaf == "min" else (3.0, 5.5)), shape)
    if leaf == "local_step":  # how often a range has moved, and with `biased` where to
        return np.full(shape, 7.0)
    if leaf == "biased":
        return random.uniform(*((-0.002, 0.0) if layer.endswith("/min") else (0.02, 0.04)), shape)
    if leaf in ("biases", "moving_mean"):
        return random.normal(0.0, 0.1, shape)
    inputs = shape[:2] if leaf == "depthwise_weights" else shape[:-1]
    gain = 0.3 if layer.endswith("Predictor") else 1.0
    return random.normal(0.0, gain / np.sqrt(np.prod(inputs)), shape)


def main(folder: Path) -> None:
    """Write `folder`/model.ckpt for its pipeline.config, then train that by one step of gradient descent."""
    from detection.tf1 import compat

    compat.install()
    import tensorflow.compat.v1 as tf
    import tf_slim as slim
    from object_detection.builders import model_builder

    from detection.config.pipeline_config import read_pipeline_config

    @slim.add_arg_scope
    def dropout(inputs: Any, keep_prob: float = 0.5, is_training: bool = True, **_: object) -> Any:
        return fixed_dropout(inputs, 1.0 - keep_prob) if is_training else inputs

    slim.dropout = dropout
    batch = read_batch(folder)
    config = read_pipeline_config(folder / "pipeline.config").model
    num_classes = getattr(config, config.WhichOneof("model")).num_classes
    real = [(index, classes > 0) for index, classes in enumerate(batch.classes)]
    options = tf.ConfigProto()
    options.graph_options.rewrite_options.disable_meta_optimizer = True  # it takes longer than the step
    with tf.Graph().as_default(), tf.Session(config=options) as session:
        model = model_builder.build(config, is_training=True, add_summaries=False)
        model.provide_groundtruth(
            [tf.constant(batch.boxes[index][rows]) for index, rows in real],
            [tf.one_hot(batch.classes[index][rows] - 1, num_classes) for index, rows in real],
            groundtruth_weights_list=[tf.constant(batch.weights[index][rows]) for index, rows in real],
        )
        images, shapes = model.preprocess(tf.constant(batch.images, tf.float32))
        losses = model.loss(model.predict(images, shapes), shapes)
        penalties = model.regularization_losses()
        total = tf.add_n([*losses.values(), *penalties])
        trainable = tf.trainable_variables()
        pairs = list(zip(tf.gradients(total, trainable), trainable, strict=True))
        moved = [(gradient, variable) for gradient, variable in pairs if gradient is not None]
        # TF1's variables change under the operations that read them: all gradients come first
        with tf.control_dependencies([total, *(gradient for gradient, _ in moved)]):
            apply = tf.train.GradientDescentOptimizer(RATE).apply_gradients(
                [(tf.identity(gradient), variable) for gradient, variable in moved]
            )
        random = np.random.default_rng(1)
        before = {}
        for variable in tf.global_variables():
            value = _initial(variable.op.name, variable.shape.as_list(), random)
            before[variable.op.name] = value.astype(np.float32)
            variable.load(before[variable.op.name], session)
        tf.train.Saver().save(session, str(folder / "model.ckpt"), write_meta_graph=False)
        parts = {
            "losses": {name.removeprefix("Loss/"): loss for name, loss in losses.items()},
            "regularization": {name: tf.add_n(of) for name, of in _by_variable(penalties).items()},
            "gradients": {variable.op.name: gradient for gradient, variable in moved},
        }
        parts, _, _ = session.run([parts, apply, tf.get_collection(tf.GraphKeys.UPDATE_OPS)])
        after = session.run({variable.op.name: variable for variable in tf.global_variables()})
    untouched = [variable.op.name for gradient, variable in pairs if gradient is None]
    write_step(folder, **parts, untouched=untouched, before=before, after=after, rounding={})


def _by_variable(penalties: list[Any]) -> dict[str, list[Any]]:
    """Regularisation losses by the name of the one variable that each is computed from."""
    found: dict[str, list[Any]] = {}
    for loss in penalties:
        operations = [loss.op]
        while operations[-1].type != "VariableV2":
            operations.extend(tensor.op for tensor in operations.pop().inputs)
        found.setdefault(operations[-1].name, []).append(loss)
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
