"""The single-shot detector: features, predictions, detections and losses in one Keras model."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from detection.anchors import AnchorGenerator
from detection.detection_loss import DetectionLoss
from detection.detector import Detector, Groundtruth, Tensors, name_children
from detection.feature_extractor import FeatureExtractor
from detection.heads import BoxPredictor
from detection.postprocess import Postprocessor
from detection.preprocess import FixedShapeResizer


class SSD(Detector):
    """An SSD detector with TF1 semantics.

    All variables exist once it is built (`build_detector` does that).

    Attributes:
      image_size: (height, width) of the network's input.
      resizer, postprocessor: what comes before the network and after it.
      anchors: `[A, 4]` float32 NumPy array, from `build` on.
    """

    def __init__(
        self,
        *,
        feature_extractor: FeatureExtractor,
        predictor: BoxPredictor,
        anchor_generator: AnchorGenerator,
        resizer: FixedShapeResizer,
        postprocessor: Postprocessor,
        loss: DetectionLoss,
        num_classes: int,
        name: str = "ssd",
    ) -> None:
        super().__init__(num_classes=num_classes, name=name)
        self.supports_jit = True
        self.image_size = (resizer.height, resizer.width)
        self._predictor = predictor
        self._anchor_generator = anchor_generator
        self.resizer = resizer
        self.postprocessor = postprocessor
        self._detection_loss = loss
        self.feature_extractor = feature_extractor
        self.box_predictors: list[keras.layers.Layer] = []
        self.anchors: np.ndarray = np.zeros([0, 4], np.float32)

    def build(self, input_shape: tuple[int | None, ...] | None = None) -> None:
        """Create all variables and the anchors, by running the network once on a black image."""
        maps = self.feature_extractor(tf.zeros([1, *self.image_size, 3]))
        self._predictor.build(maps, self._anchor_generator.anchors_per_location, self.num_classes)
        self.box_predictors = self._predictor.layers
        grid_sizes = [(features.shape[1], features.shape[2]) for features in maps]
        self.anchors = self._anchor_generator.generate(grid_sizes, self.image_size)
        name_children(self)
        self.built = True

    def call(self, preprocessed: tf.Tensor, training: bool = False) -> Tensors:
        """Raw predictions.

        Args:
          preprocessed: `[B, H, W, 3]` float32 of `image_size`, as `preprocess` gives it.
          training: dropout, and batch norm unless `freeze_batch_norm`.

        Returns:
          "box_encodings" `[B, A, 4]` and "class_predictions_with_background" `[B, A, C + 1]` (logits,
          background first), float32.
        """
        train_batch_norm = bool(training) and not self.freeze_batch_norm
        maps = self.feature_extractor(preprocessed, training=train_batch_norm)
        encodings, logits = self._predictor(maps, training=bool(training), train_batch_norm=train_batch_norm)
        return {"box_encodings": encodings, "class_predictions_with_background": logits}

    def preprocess(self, images: tf.Tensor) -> tf.Tensor:
        """uint8 or float32 images `[B, h, w, 3]` of 0..255 -> the network's input `[B, H, W, 3]` float32."""
        return self.feature_extractor.preprocess(self.resizer.resize(images))

    def postprocess(self, predictions: Tensors) -> Tensors:
        """Detections from raw predictions; see Postprocessor for what comes out."""
        return self.postprocessor(tf.constant(self.anchors), predictions)

    def loss_divisor(self, groundtruth: Groundtruth) -> tf.Tensor:
        """The sum of matched weights, as DetectionLoss.divisor gives it."""
        return self._detection_loss.divisor(tf.constant(self.anchors), groundtruth)

    def compute_detection_losses(
        self, predictions: Tensors, groundtruth: Groundtruth, divisor: tf.Tensor | None = None
    ) -> Tensors:
        """ "localization_loss" and "classification_loss", scalars; see DetectionLoss for the groundtruth."""
        return self._detection_loss(tf.constant(self.anchors), predictions, groundtruth, divisor)

    def compute_losses(
        self,
        preprocessed: tf.Tensor,
        groundtruth: Groundtruth,
        training: bool = False,
        *,
        divisor: tf.Tensor | None = None,
        draw: tf.Tensor | int = 0,
    ) -> Tensors:
        """The losses of the predictions for preprocessed images, as compute_detection_losses gives them.

        Args:
          preprocessed: `[B, H, W, 3]` float32.
          groundtruth: as DetectionLoss takes it.
          training: as in `call`.
          divisor: `loss_divisor` of the batch that the images are a part of; without it, theirs.
          draw: nothing is drawn here.
        """
        return self.compute_detection_losses(self(preprocessed, training=training), groundtruth, divisor)

    def losses_and_detections(
        self, preprocessed: tf.Tensor, groundtruth: Groundtruth
    ) -> tuple[Tensors, Tensors]:
        """Losses without training, and detections, from one run of the network."""
        predictions = self(preprocessed, training=False)
        return self.compute_detection_losses(predictions, groundtruth), self.postprocess(predictions)
