"""The Object Detection API's TF2 training step, for a child process with TF_USE_LEGACY_KERAS=1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from detection.config.keras_twins import SUFFIX


def build_step(config: Any, images: np.ndarray, groundtruth: dict[str, np.ndarray]) -> Callable[[], float]:
    """One step a call, on the same batch: what train_loop gives its strategy, for one replica.

    Args:
      config: TrainEvalPipelineConfig of a TF1 model; that of the same name in TF2 is trained.
      images: float32 [B, H, W, 3], 0 to 255.
      groundtruth: "boxes" [B, N, 4], "classes" [B, N] from 1, "weights" [B, N]; classes are 0 in the padding.
    """
    from detection.tf1 import keras_compat

    keras_compat.install()
    import tensorflow as tf
    import tf_keras
    from object_detection import model_lib_v2
    from object_detection.builders import model_builder, optimizer_builder
    from object_detection.core.standard_fields import InputDataFields
    from object_detection.models.keras_models import resnet_v1

    resnet_v1.resnet = tf_keras.applications.resnet  # the package finds Keras 3's
    tf_keras.utils.set_random_seed(1)
    model_config = type(config.model)()
    model_config.CopyFrom(config.model)
    model_config.ssd.feature_extractor.type += SUFFIX
    model_config.ssd.inplace_batchnorm_update = False  # TF2's builder refuses it
    model = model_builder.build(model_config, is_training=True, add_summaries=False)
    preprocessed, shapes = model.preprocess(tf.constant(images))
    model.predict(preprocessed, shapes)  # its variables exist then, as ours do
    step_number = tf.Variable(0, dtype=tf.int64)
    optimizer, _ = optimizer_builder.build(config.train_config.optimizer, global_step=step_number)
    classes = groundtruth["classes"]
    features = {InputDataFields.image: preprocessed, InputDataFields.true_image_shape: shapes}
    labels = {
        InputDataFields.num_groundtruth_boxes: tf.constant((classes > 0).sum(axis=1), tf.int32),
        InputDataFields.groundtruth_boxes: tf.constant(groundtruth["boxes"]),
        InputDataFields.groundtruth_classes: tf.one_hot(classes - 1, model_config.ssd.num_classes),
        InputDataFields.groundtruth_weights: tf.constant(groundtruth["weights"]),
    }

    @tf.function
    def train_step(features: dict[str, Any], labels: dict[str, Any]) -> dict[str, Any]:
        losses = model_lib_v2.eager_train_step(
            model,
            features,
            labels,
            config.train_config.unpad_groundtruth_tensors,
            optimizer,
            training_step=step_number,
        )
        step_number.assign_add(1)
        return losses

    return lambda: float(train_step(features, labels)["Loss/total_loss"])
