"""Context R-CNN: a two-stage detector that also reads features of the camera's other images."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from detection.context import SIDE_INPUTS, context_shape, empty_context, side_inputs
from detection.detector import Groundtruth, Tensors
from detection.errors import BadInput
from detection.shim.two_stage import ShimTwoStageDetector


class ShimContextDetector(ShimTwoStageDetector):
    """A Context R-CNN of the OD API, with the memory that it reads.

    A memory is {"context_features": float32 `[B, N, L]`, "valid_context_size": int32 `[B]`}. It is a part of
    the result of `first_stage`, where `second_stage` reads it. Without one it is empty. To learn, a memory
    must be a part of the groundtruth.

    Attributes:
      context_shape: N and L of the config.
    """

    def __init__(self, model_config: Any, *, name: str = "faster_rcnn") -> None:
        super().__init__(model_config, name=name)
        self.context_shape = context_shape(model_config)

    def detect(self, images: tf.Tensor, context: Tensors | None = None) -> Tensors:
        """As Detector.detect, with the memory of each image of the batch."""
        return self.postprocess(self.call(self.preprocess(images), context=context))

    def call(
        self, preprocessed: tf.Tensor, training: bool = False, context: Tensors | None = None
    ) -> Tensors:
        """As ShimTwoStageDetector.call, with the memory of each image of the batch."""
        first = self.first_stage(preprocessed, training=training) | (context or {})
        return first | self.second_stage(first, self.propose(first), training=training)

    def first_stage(self, preprocessed: tf.Tensor, training: bool = False) -> Tensors:
        """As ShimTwoStageDetector.first_stage, and an empty memory."""
        assert self.context_shape is not None
        batch_size = preprocessed.shape[0]
        if batch_size is None:
            batch_size = tf.shape(preprocessed)[0]
        no_memory = empty_context(self.context_shape._replace(size=1), batch_size)
        return super().first_stage(preprocessed, training) | no_memory

    def losses_and_detections(
        self, preprocessed: tf.Tensor, groundtruth: Groundtruth
    ) -> tuple[Tensors, Tensors]:
        """As Detector.losses_and_detections, with the memory in the groundtruth."""
        losses = self.compute_losses(preprocessed, groundtruth)
        return losses, self.postprocess(self.call(preprocessed, context=side_inputs(groundtruth)))

    def _batch_losses(
        self, preprocessed: tf.Tensor, groundtruth: Groundtruth, training: bool, divisor: tf.Tensor | None
    ) -> tuple[Tensors, Tensors]:
        if len(side_inputs(groundtruth)) < len(SIDE_INPUTS):
            raise BadInput(
                "a Context R-CNN learns from context features, and the examples have none",
                "model.faster_rcnn.context_config",
                f"give the groundtruth {' and '.join(SIDE_INPUTS)}, or train a Faster R-CNN",
            )
        return super()._batch_losses(preprocessed, groundtruth, training, divisor)
