"""The detector's training loss: targets, elementary losses, mining and normalisation, as the config says."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from detection.hard_example_miner import HardExampleMiner
from detection.losses import AnchorLoss
from detection.target_assigner import TargetAssigner


@dataclass(frozen=True)
class DetectionLoss:
    """SSD's loss over a batch (SSDMetaArch.loss), without an image loop.

    Attributes:
      normalize_by_num_matches: divide both losses by the batch's sum of matched weights (at least 1).
      normalize_boxes_by_code_size: divide the localisation loss by 4 as well.
    """

    target_assigner: TargetAssigner
    localization: AnchorLoss
    classification: AnchorLoss
    localization_weight: float
    classification_weight: float
    miner: HardExampleMiner | None
    normalize_by_num_matches: bool
    normalize_boxes_by_code_size: bool

    def divisor(self, anchors: tf.Tensor, groundtruth: dict[str, tf.Tensor]) -> tf.Tensor:
        """The sum of matched weights, float32 scalar; 0 where the losses are not divided by it.

        The divisors of a batch's parts add up to the batch's, which may be less than the 1 that is divided by
        at least.
        """
        if not self.normalize_by_num_matches:
            return tf.zeros([])
        return tf.reduce_sum(self.target_assigner.assign(anchors, groundtruth).box_weights)

    def __call__(
        self,
        anchors: tf.Tensor,
        predictions: dict[str, tf.Tensor],
        groundtruth: dict[str, tf.Tensor],
        divisor: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """Scalar float32 losses.

        Args:
          anchors: `[A, 4]`.
          predictions: "box_encodings" `[B, A, 4]`, "class_predictions_with_background" `[B, A, C + 1]`.
          groundtruth: as TargetAssigner.assign takes it.
          divisor: of the batch that the images are a part of; without it, theirs.

        Returns:
          "localization_loss" and "classification_loss", both weighted and normalised.
        """
        encodings = tf.cast(predictions["box_encodings"], tf.float32)
        logits = tf.cast(predictions["class_predictions_with_background"], tf.float32)
        targets = self.target_assigner.assign(anchors, groundtruth)
        # a target that is not a number counts as met, as in the OD API
        box_targets = tf.where(tf.math.is_nan(targets.box_targets), encodings, targets.box_targets)
        box_losses = self.localization(encodings, box_targets, targets.box_weights)
        class_losses = self.classification(logits, targets.class_targets, targets.class_weights)
        if self.miner is not None:
            decoded = self.target_assigner.box_coder.decode(encodings, anchors)
            mask = self.miner.select(box_losses, class_losses, decoded, targets.matches)
            # where, not a product: an unselected anchor's infinity must not become a NaN
            box_losses = tf.where(mask > 0.0, box_losses, 0.0)
            class_losses = tf.where(mask > 0.0, class_losses, 0.0)
        normalizer = tf.constant(1.0)
        if self.normalize_by_num_matches:
            matches = tf.reduce_sum(targets.box_weights) if divisor is None else divisor
            normalizer = tf.maximum(matches, 1.0)
        box_normalizer = normalizer * 4.0 if self.normalize_boxes_by_code_size else normalizer
        return {
            "localization_loss": self.localization_weight / box_normalizer * tf.reduce_sum(box_losses),
            "classification_loss": self.classification_weight / normalizer * tf.reduce_sum(class_losses),
        }
