"""The single-shot detector: features, predictions, detections and losses in one Keras model."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from detection.anchors import SsdAnchorGenerator
from detection.backbones.base import Backbone
from detection.detection_loss import DetectionLoss
from detection.heads import ConvolutionalBoxPredictor, PredictorParams
from detection.layers import Conv
from detection.postprocess import Postprocessor
from detection.preprocess import FixedShapeResizer, normalize

Groundtruth = dict[str, tf.Tensor]
Tensors = dict[str, tf.Tensor]


class FeatureExtractor(keras.layers.Layer):
    """TF1 scope `FeatureExtractor`: pads the image to a multiple of `pad_to_multiple`, runs the backbone."""

    def __init__(self, backbone: Backbone, pad_to_multiple: int = 1) -> None:
        super().__init__(name="FeatureExtractor")
        self._pad_to_multiple = pad_to_multiple
        self.backbone = backbone

    def call(self, images: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        """Feature maps of preprocessed images `[B, H, W, 3]`, finest first."""
        bottom, right = (-side % self._pad_to_multiple for side in images.shape[1:3])
        if bottom or right:
            images = tf.pad(images, [[0, 0], [0, bottom], [0, right], [0, 0]])
        return self.backbone(images, training=training)


class SSD(keras.Model):
    """An SSD detector with TF1 semantics; `variable.path` mirrors the TF1 scope of each variable.

    All variables exist once it is built (`build_detector` does that).

    Attributes:
      num_classes: without background.
      image_size: (height, width) of the network's input.
      anchors: `[A, 4]` float32 NumPy array, from `build` on.
      freeze_batch_norm: use the moving statistics in training too, and leave them alone.
    """

    def __init__(
        self,
        *,
        backbone: Backbone,
        pad_to_multiple: int,
        predictor: PredictorParams,
        anchor_generator: SsdAnchorGenerator,
        resizer: FixedShapeResizer,
        postprocessor: Postprocessor,
        loss: DetectionLoss,
        num_classes: int,
        freeze_batch_norm: bool = False,
        name: str = "ssd",
    ) -> None:
        super().__init__(name=name)
        # Keras would compile `fit` with XLA, which has no NMS of data-dependent size (hard example mining)
        self.supports_jit = False
        self.num_classes = num_classes
        self.image_size = (resizer.height, resizer.width)
        self.freeze_batch_norm = freeze_batch_norm
        self._predictor = predictor
        self._anchor_generator = anchor_generator
        self._resizer = resizer
        self._postprocessor = postprocessor
        self._detection_loss = loss
        self.feature_extractor = FeatureExtractor(backbone, pad_to_multiple)
        self.box_predictors: list[ConvolutionalBoxPredictor] = []
        self.anchors: np.ndarray = np.zeros([0, 4], np.float32)

    def build(self, input_shape: tuple[int | None, ...] | None = None) -> None:
        """Create all variables and the anchors, by running the network once on a black image."""
        maps = self.feature_extractor(tf.zeros([1, *self.image_size, 3]))
        counts = self._anchor_generator.anchors_per_location
        self.box_predictors = [
            ConvolutionalBoxPredictor(
                index,
                self._predictor,
                input_depth=features.shape[-1],
                anchors_per_location=count,
                num_classes=self.num_classes,
            )
            for index, (features, count) in enumerate(zip(maps, counts, strict=True))
        ]
        for predict, features in zip(self.box_predictors, maps, strict=True):
            predict(features)
        grid_sizes = [(features.shape[1], features.shape[2]) for features in maps]
        self.anchors = self._anchor_generator.generate(grid_sizes, self.image_size)
        _name_children(self)
        self.built = True

    def call(self, preprocessed: tf.Tensor, training: bool = False) -> Tensors:
        """Raw predictions.

        Args:
          preprocessed: `[B, H, W, 3]` float32 in [-1, 1], of `image_size`.
          training: dropout, and batch norm unless `freeze_batch_norm`.

        Returns:
          "box_encodings" `[B, A, 4]` and "class_predictions_with_background" `[B, A, C + 1]` (logits,
          background first), float32.
        """
        train_batch_norm = bool(training) and not self.freeze_batch_norm
        maps = self.feature_extractor(preprocessed, training=train_batch_norm)
        predictions = [
            predict(features, training=bool(training), train_batch_norm=train_batch_norm)
            for predict, features in zip(self.box_predictors, maps, strict=True)
        ]
        encodings, logits = zip(*predictions, strict=True)
        return {
            "box_encodings": tf.concat(encodings, axis=1),
            "class_predictions_with_background": tf.concat(logits, axis=1),
        }

    def preprocess(self, images: tf.Tensor) -> tf.Tensor:
        """uint8 or float32 images `[B, h, w, 3]` of 0..255 -> the network's input `[B, H, W, 3]` float32."""
        return normalize(self._resizer.resize(images))

    def postprocess(self, predictions: Tensors) -> Tensors:
        """Detections from raw predictions; see Postprocessor for what comes out."""
        return self._postprocessor(tf.constant(self.anchors), predictions)

    def detect(self, images: tf.Tensor) -> Tensors:
        """Detections in uint8 images `[B, h, w, 3]`; boxes are relative to each image's own size."""
        return self.postprocess(self(self.preprocess(images), training=False))

    def compute_detection_losses(self, predictions: Tensors, groundtruth: Groundtruth) -> Tensors:
        """ "localization_loss" and "classification_loss", scalars; see DetectionLoss for the groundtruth."""
        return self._detection_loss(tf.constant(self.anchors), predictions, groundtruth)

    def regularization_loss(self) -> tf.Tensor:
        """Sum of the kernels' regularisation losses as slim collects them, a float32 scalar.

        Frozen kernels count too, as a constant: the loss stays comparable with TF1's.
        """
        return tf.add_n([layer.penalty() for layer in _convolutions(self)])


def _name_children(layer: keras.layers.Layer) -> None:
    """Make every sub-layer an attribute under its own name, all the way down.

    tf.train.Checkpoint follows attributes only: a Keras layer that sits in a list would be left out of the
    checkpoint without a word.
    """
    for child in layer._flatten_layers(recursive=False, include_self=False):
        if getattr(layer, child.name, None) is not child:
            setattr(layer, child.name, child)
        _name_children(child)


def _convolutions(layer: keras.layers.Layer) -> list[Conv]:
    return [found for found in layer._flatten_layers() if isinstance(found, Conv)]
