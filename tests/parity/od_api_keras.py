"""TF2 checkpoints of any pipeline.config: built by the OD API's Keras models, with random weights.

Written in a child process, since those models are Keras 2's, under the names and objects that training
(model_lib_v2.py) and the exporter (exporter_lib_v2.py) give them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from tests.parity.child import run_child
from tests.parity.initial_value import initial_value

LIKELY_SCORE = 0.3


def write_keras_detector(config: str, folder: Path, seed: int = 1, training: bool = False) -> Path:
    """The prefix of the checkpoint of a TrainEvalPipelineConfig text, which is put beside it.

    With `training`, the checkpoint also holds an optimizer with its slots, moving averages among them, and a
    step; without, the model alone, as exported.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pipeline.config").write_text(config)
    run_child("od_api_keras", str(folder), str(seed), *["--training"] * training)
    return folder / "checkpoint" / "ckpt-0"


class _CalibratedBatchNorm:
    """While it is on, each batch norm takes statistics near those of what it is given.

    Else a picture's traces are lost in the random network, and outputs would not depend on it.
    """

    def __init__(self, batch_norm: type, random: np.random.Generator) -> None:
        self._class, self._call, self._random = batch_norm, batch_norm.call, random

    def __enter__(self) -> None:
        def call(layer: Any, inputs: Any, training: bool | None = None) -> Any:
            values = inputs.numpy().reshape(-1, inputs.shape[-1])
            variance = values.var(0) + 0.1 * values.var() + 1e-3
            mean = values.mean(0) if len(values) > 1 else np.zeros_like(variance)
            layer.moving_mean.assign(mean + self._random.normal(0, 0.3, mean.shape) * np.sqrt(variance))
            layer.moving_variance.assign(variance * self._random.uniform(0.6, 1.6, mean.shape))
            return self._call(layer, inputs, training)

        self._class.call = call

    def __exit__(self, *error: object) -> None:
        self._class.call = self._call


def _tame_scores(variables: dict[str, Any], logits: np.ndarray, candidates: int = 30) -> None:
    """Biases with which few of the class logits are likely."""
    least = np.sort(logits[..., 1:].ravel())[-candidates]
    for name, variable in variables.items():
        if name.endswith("ClassPredictor/bias"):
            variable.assign_add(np.full(variable.shape, np.log(LIKELY_SCORE / (1 - LIKELY_SCORE)) - least))


def _write(folder: Path, seed: int, training: bool) -> None:
    from detection.tf1 import keras_compat

    keras_compat.install()
    import tensorflow as tf
    import tf_keras
    from object_detection.builders import model_builder
    from object_detection.core import freezable_batch_norm
    from object_detection.models.keras_models import resnet_v1

    from components.checkpoint_converter.proof_images import proof_images
    from detection.config.pipeline_config import read_pipeline_config

    resnet_v1.resnet = tf_keras.applications.resnet  # the package finds Keras 3's
    random = np.random.default_rng(seed)
    model = model_builder.build(read_pipeline_config(folder / "pipeline.config").model, is_training=False)
    image = tf.constant(proof_images([])[0][0][None], tf.float32)

    def predict() -> Any:
        return model.predict(*model.preprocess(image))

    predict()
    variables = {variable.name.removesuffix(":0"): variable for variable in model.variables}
    for name, variable in variables.items():
        variable.assign(initial_value(name, tuple(variable.shape), random))
    with _CalibratedBatchNorm(freezable_batch_norm.FreezableBatchNorm, random):
        predictions = predict()
    _tame_scores(variables, predictions["class_predictions_with_background"].numpy())
    objects = {"model": model}
    if training:
        optimizer = tf_keras.optimizers.legacy.SGD(0.1, momentum=0.9)
        for variable in model.trainable_variables:
            optimizer.add_slot(variable, "momentum")
            average = variable + random.normal(0.0, 0.01, tuple(variable.shape)).astype(np.float32)
            optimizer.add_slot(variable, "average", initializer=average)
        _ = optimizer.iterations, optimizer.learning_rate
        objects |= {"optimizer": optimizer, "step": tf.Variable(7, dtype=tf.int64)}
    manager = tf.train.CheckpointManager(
        tf.train.Checkpoint(**objects), str(folder / "checkpoint"), max_to_keep=1
    )
    manager.save(checkpoint_number=0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("seed", type=int)
    parser.add_argument("--training", action="store_true")
    arguments = parser.parse_args()
    _write(arguments.folder, arguments.seed, arguments.training)
