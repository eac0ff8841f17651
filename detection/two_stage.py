"""What every two-stage detector can do, whatever computes it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import tensorflow as tf

from detection.detector import Tensors
from detection.rpn import Proposals


@runtime_checkable
class TwoStageDetector(Protocol):
    """A detector whose stages can be run one by one, so that each can be proved on TF1's own input to it.

    Faster R-CNN, Mask R-CNN and R-FCN; see FasterRCNN for shapes. At run time only the methods' names are
    checked, and no single-shot detector has them.
    """

    def preprocess(self, images: tf.Tensor) -> tf.Tensor:
        """uint8 images `[B, h, w, 3]` -> the network's input `[B, H, W, 3]` float32."""

    def first_stage(self, preprocessed: tf.Tensor, training: bool = False) -> Tensors:
        """ "features", "image_size", "anchors" and the region proposal network's predictions."""

    def propose(self, first: Tensors) -> Proposals:
        """The boxes that the first stage proposes."""

    def second_stage(self, first: Tensors, proposals: Proposals, training: bool = False) -> Tensors:
        """The proposals, a class and a refined box for each, and what masks are made of."""

    def postprocess(self, predictions: Tensors) -> Tensors:
        """Detections of both stages' predictions; with "detection_masks" `[B, N, h, w]` if it has masks."""


@runtime_checkable
class MaskDetector(TwoStageDetector, Protocol):
    """A two-stage detector whose third stage, masks for detected boxes, can be run alone too.

    Attributes:
      has_masks: whether this one has that stage.
    """

    has_masks: bool

    def masks(self, predictions: Tensors, boxes: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
        """The mask of each detection, probabilities `[B, N, h, w]`.

        Args:
          predictions: of `first_stage` and `second_stage`.
          boxes: `[B, N, 4]`, as "detection_boxes".
          classes: `[B, N]` float32 label map ids, as "detection_classes".
        """
