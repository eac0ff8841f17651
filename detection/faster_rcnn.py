"""The two-stage detector: proposals, then a class and a refined box for each, in one Keras model."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from detection import boxes as box_ops
from detection.detector import Detector, Groundtruth, Tensors, name_children
from detection.faster_rcnn_loss import FasterRcnnLoss
from detection.grid_anchors import GridAnchorGenerator
from detection.preprocess import FixedShapeResizer, KeepAspectRatioResizer
from detection.rpn import (
    FirstStageBoxPredictor,
    Proposals,
    ProposalSelector,
    RpnParams,
    inside,
    rpn_conv,
)
from detection.sampler import image_seeds
from detection.second_stage import (
    SecondStageBoxPredictor,
    SecondStageParams,
    SecondStagePostprocessor,
    crop_features,
)
from detection.two_stage_extractor import TwoStageExtractor

_BUILD_SIZE = 96  # pixels; no variable's shape depends on it


@dataclass(frozen=True)
class TwoStageParts:
    """What a FasterRCNN is made of.

    Attributes:
      clip_anchors: train on anchors clipped to the image, instead of leaving out those that cross its border.
    """

    resizer: FixedShapeResizer | KeepAspectRatioResizer
    anchor_generator: GridAnchorGenerator
    rpn: RpnParams
    selector: ProposalSelector
    second_stage: SecondStageParams
    postprocessor: SecondStagePostprocessor
    loss: FasterRcnnLoss
    clip_anchors: bool = False


class FasterRCNN(Detector):
    """A Faster R-CNN detector with TF1 semantics.

    All variables exist once it is built (`build_detector` does that). Batch norm is frozen unless the config
    says batch_norm_trainable.
    """

    def __init__(
        self,
        *,
        extractor: TwoStageExtractor,
        parts: TwoStageParts,
        num_classes: int,
        name: str = "faster_rcnn",
    ) -> None:
        super().__init__(num_classes=num_classes, name=name)
        self.has_one_input_size = isinstance(parts.resizer, FixedShapeResizer)
        self._parts = parts
        self._preprocess = extractor.preprocess
        self.first_stage_extractor = extractor.first_stage
        self.rpn_conv = rpn_conv(parts.rpn)
        self.first_stage_predictor = FirstStageBoxPredictor(
            parts.rpn.hyperparams, parts.anchor_generator.anchors_per_location
        )
        self.second_stage_extractor = extractor.second_stage
        self.second_stage_predictor = SecondStageBoxPredictor(parts.second_stage, num_classes)

    def build(self, input_shape: tuple[int | None, ...] | None = None) -> None:
        """Create all variables, by running the network once on a small black image."""
        self.call(tf.zeros([1, _BUILD_SIZE, _BUILD_SIZE, 3]))
        name_children(self)
        self.built = True

    def call(self, preprocessed: tf.Tensor, training: bool = False) -> Tensors:
        """Raw predictions of both stages: what `first_stage` and `second_stage` return, in one dictionary."""
        first = self.first_stage(preprocessed, training=training)
        proposals = self.propose(first)
        return first | self.second_stage(first, proposals, training=training)

    def first_stage(self, preprocessed: tf.Tensor, training: bool = False) -> Tensors:
        """Features, anchors and what is predicted for them.

        Args:
          preprocessed: `[B, H, W, 3]` float32, the same size for all images.
          training: batch norm unless `freeze_batch_norm`; and anchors that cross the image's border are left
            out, where inference clips them.

        Returns:
          "features" `[B, h, w, D]`; "image_size" `[2]` int32, (H, W); "anchors" `[A, 4]` in pixels;
          "rpn_box_encodings" `[B, A, 4]`; "rpn_objectness_predictions_with_background" `[B, A, 2]`.
        """
        train_batch_norm = bool(training) and not self.freeze_batch_norm
        size = tf.shape(preprocessed)[1:3]
        features = self.first_stage_extractor(preprocessed, training=train_batch_norm)
        encodings, logits = self.first_stage_predictor(self.rpn_conv(features, training=train_batch_norm))
        grid = tf.shape(features)
        anchors = self._parts.anchor_generator.generate(grid[1], grid[2])
        if training and not self._parts.clip_anchors:
            kept = tf.where(inside(anchors, _window(size)))[:, 0]
            anchors = tf.gather(anchors, kept)
            encodings, logits = tf.gather(encodings, kept, axis=1), tf.gather(logits, kept, axis=1)
        else:
            anchors = box_ops.clip_to_window(anchors, _window(size))
        return {
            "features": features,
            "image_size": size,
            "anchors": anchors,
            "rpn_box_encodings": encodings,
            "rpn_objectness_predictions_with_background": logits,
        }

    def propose(self, first: Tensors) -> Proposals:
        """The boxes the first stage proposes, without a gradient."""
        proposals = self._parts.selector(
            first["anchors"],
            first["rpn_box_encodings"],
            first["rpn_objectness_predictions_with_background"],
            _window(first["image_size"]),
        )
        return Proposals(tf.stop_gradient(proposals.boxes), proposals.count)

    def second_stage(self, first: Tensors, proposals: Proposals, training: bool = False) -> Tensors:
        """A class and a refined box for each of P proposals.

        Returns:
          "proposal_boxes_normalized" and "proposal_boxes" (in pixels) `[B, P, 4]`; "num_proposals" `[B]`
          int32; "refined_box_encodings" `[B * P, C, 4]` (C 1 for a shared box);
          "class_predictions_with_background" `[B * P, num_classes + 1]` (logits, background first).
        """
        train_batch_norm = bool(training) and not self.freeze_batch_norm
        crops = crop_features(first["features"], proposals.boxes, self._parts.second_stage)
        features = self.second_stage_extractor(crops, training=train_batch_norm)
        encodings, logits = self.second_stage_predictor(features, training=bool(training))
        return {
            "proposal_boxes_normalized": proposals.boxes,
            "proposal_boxes": proposals.boxes * _scale(first["image_size"]),
            "num_proposals": proposals.count,
            "refined_box_encodings": encodings,
            "class_predictions_with_background": logits,
        }

    def preprocess(self, images: tf.Tensor) -> tf.Tensor:
        """uint8 or float32 images `[B, h, w, 3]` of 0..255 -> the network's input `[B, H, W, 3]` float32."""
        return self._preprocess(self._parts.resizer.resize(images))

    def postprocess(self, predictions: Tensors) -> Tensors:
        """Detections from raw predictions; see SecondStagePostprocessor for what comes out."""
        return self._parts.postprocessor(predictions)

    def compute_losses(
        self,
        preprocessed: tf.Tensor,
        groundtruth: Groundtruth,
        training: bool = False,
        *,
        divisor: tf.Tensor | None = None,
        draw: tf.Tensor | int = 0,
        first: Tensors | None = None,
    ) -> Tensors:
        """Both stages' losses on preprocessed images; see FasterRcnnLoss for the groundtruth and the names.

        In training the second stage sees a sample of the proposals, balanced by what they overlap.

        Args:
          preprocessed: `[B, H, W, 3]` float32, the same size for all images.
          groundtruth: with normalised boxes.
          training: as in `call`.
          divisor: `loss_divisor` of the batch that the images are a part of; without it, theirs.
          draw: a number; with another one, other anchors and proposals of the same images are sampled.
          first: what `first_stage` gives for these images in the same mode, where it is there already.
        """
        seeds = image_seeds(preprocessed, draw)
        first = self.first_stage(preprocessed, training=training) if first is None else first
        in_pixels = {**groundtruth, "boxes": groundtruth["boxes"] * _scale(first["image_size"])}
        proposals = self.propose(first)
        if training:
            proposal_boxes = proposals.boxes * _scale(first["image_size"])
            proposals = self._parts.loss.sample(proposals, proposal_boxes, in_pixels, seeds[:, ::-1])
        second = self.second_stage(first, proposals, training=training)
        return self._parts.loss(first | second, in_pixels, seeds, divisor)

    def losses_and_detections(
        self, preprocessed: tf.Tensor, groundtruth: Groundtruth
    ) -> tuple[Tensors, Tensors]:
        """Losses without training, and detections, from one run of the network."""
        predictions = self(preprocessed, training=False)
        in_pixels = {**groundtruth, "boxes": groundtruth["boxes"] * _scale(predictions["image_size"])}
        losses = self._parts.loss(predictions, in_pixels, image_seeds(preprocessed, 0))
        return losses, self.postprocess(predictions)


def _window(image_size: tf.Tensor) -> tf.Tensor:
    """The image `[ymin, xmin, ymax, xmax]` in pixels."""
    return tf.concat([tf.zeros([2]), tf.cast(image_size, tf.float32)], axis=0)


def _scale(image_size: tf.Tensor) -> tf.Tensor:
    """What normalised box coordinates are multiplied by to be in pixels."""
    return tf.tile(tf.cast(image_size, tf.float32), [2])
