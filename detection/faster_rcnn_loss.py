"""Faster R-CNN's training losses: objectness and boxes of the anchors, classes and boxes of the proposals."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from detection.detector import Groundtruth, Tensors
from detection.hard_example_miner import HardExampleMiner
from detection.losses import AnchorLoss, smooth_l1, softmax_cross_entropy
from detection.rpn import Proposals
from detection.sampler import BalancedSampler
from detection.target_assigner import TargetAssigner


@dataclass(frozen=True)
class LossWeights:
    """Factors of the four losses."""

    rpn_localization: float = 1.0
    rpn_objectness: float = 1.0
    localization: float = 1.0
    classification: float = 1.0


@dataclass(frozen=True)
class FasterRcnnLoss:
    """FasterRCNNMetaArch.loss without an image loop.

    Attributes:
      rpn_assigner, assigner: targets of the anchors (object or not) and of the proposals.
      rpn_sampler, sampler: which anchors count, and which proposals are looked at, an image.
      classification: of the second stage.
      miner: picks the proposals that count in the second stage's losses by those losses, in place of
        `sampler`. TF1 does so in the first image of a batch alone, and leaves the others out: here all count.
    """

    rpn_assigner: TargetAssigner
    rpn_sampler: BalancedSampler
    assigner: TargetAssigner
    sampler: BalancedSampler
    classification: AnchorLoss
    weights: LossWeights
    miner: HardExampleMiner | None = None

    def __call__(
        self,
        predictions: Tensors,
        groundtruth: Groundtruth,
        seeds: tf.Tensor,
        divisor: tf.Tensor | None = None,
    ) -> Tensors:
        """Scalar float32 losses, weighted and normalised.

        Args:
          predictions: what FasterRCNN.call returns.
          groundtruth: as TargetAssigner.assign takes it, with boxes in pixels of the network's input.
          seeds: `[B, 2]` int64, of each image's sample of anchors.
          divisor: images in the batch that these are a part of, float32 scalar; without it, these alone.

        Returns:
          "rpn_localization_loss", "rpn_objectness_loss", "localization_loss", "classification_loss".
        """
        if divisor is None:
            divisor = tf.cast(tf.shape(groundtruth["classes"])[0], tf.float32)
        images = tf.maximum(divisor, 1.0)
        return self._rpn_losses(predictions, groundtruth, seeds, images) | self._second_stage_losses(
            predictions, groundtruth, images
        )

    def sample(
        self, proposals: Proposals, proposal_boxes: tf.Tensor, groundtruth: Groundtruth, seeds: tf.Tensor
    ) -> Proposals:
        """The proposals to train the second stage on, `sampler.size` an image, zeros after the real ones.

        `proposal_boxes` `[B, P, 4]` are the proposals in pixels, as the groundtruth's boxes are; `seeds`
        `[B, 2]` int64 of each image's draw. With a miner all proposals stay.
        """
        if self.miner is not None:
            return proposals
        targets = self.assigner.assign(proposal_boxes, groundtruth)
        num_proposals = tf.shape(proposal_boxes)[1]
        real = tf.sequence_mask(proposals.count, num_proposals) & (targets.class_weights > 0.0)
        taken = self.sampler.sample(real, targets.matches >= 0, seeds)
        order = tf.argsort(tf.where(taken, 0, 1), axis=1, stable=True)[:, : self.sampler.size]
        missing = self.sampler.size - tf.shape(order)[1]
        kept = tf.gather(taken, order, batch_dims=1)[..., tf.newaxis]
        boxes = tf.where(kept, tf.gather(proposals.boxes, order, batch_dims=1), 0.0)
        boxes = tf.ensure_shape(tf.pad(boxes, [[0, 0], [0, missing], [0, 0]]), [None, self.sampler.size, 4])
        return Proposals(boxes, tf.reduce_sum(tf.cast(taken, tf.int32), axis=1))

    def _rpn_losses(
        self, predictions: Tensors, groundtruth: Groundtruth, seeds: tf.Tensor, images: tf.Tensor
    ) -> Tensors:
        encodings = predictions["rpn_box_encodings"]
        logits = predictions["rpn_objectness_predictions_with_background"]
        objects = {**groundtruth, "classes": tf.minimum(groundtruth["classes"], 1)}
        targets = self.rpn_assigner.assign(predictions["anchors"], objects)
        taken = self.rpn_sampler.sample(targets.class_weights > 0.0, targets.matches >= 0, seeds)
        sampled = tf.cast(taken, tf.float32)
        normalizer = tf.maximum(tf.reduce_sum(sampled, axis=1), 1.0) * images
        box_losses = smooth_l1(encodings, targets.box_targets, sampled * targets.box_weights)
        class_losses = softmax_cross_entropy(logits, targets.class_targets, sampled)
        return {
            "rpn_localization_loss": self.weights.rpn_localization
            * tf.reduce_sum(tf.reduce_sum(box_losses, axis=1) / normalizer),
            "rpn_objectness_loss": self.weights.rpn_objectness
            * tf.reduce_sum(tf.reduce_sum(class_losses, axis=1) / normalizer),
        }

    def _second_stage_losses(
        self, predictions: Tensors, groundtruth: Groundtruth, images: tf.Tensor
    ) -> Tensors:
        proposals = predictions["proposal_boxes"]
        batch_size, num_proposals = tf.shape(proposals)[0], tf.shape(proposals)[1]
        targets = self.assigner.assign(proposals, groundtruth)
        encodings = predictions["refined_box_encodings"]
        encodings = tf.reshape(encodings, [batch_size, num_proposals, encodings.shape[1], 4])
        if encodings.shape[2] == 1:
            encodings = encodings[:, :, 0]
        else:
            matched_class = tf.maximum(tf.argmax(targets.class_targets, axis=-1) - 1, 0)
            encodings = tf.gather(encodings, matched_class, batch_dims=2)
        logits = predictions["class_predictions_with_background"]
        logits = tf.reshape(logits, [batch_size, num_proposals, logits.shape[-1]])
        count = predictions["num_proposals"]
        real = tf.sequence_mask(count, num_proposals)
        normalizer = tf.cast(tf.maximum(count, 1), tf.float32)[:, tf.newaxis] * images
        box_losses = smooth_l1(encodings, targets.box_targets, targets.box_weights) / normalizer
        class_losses = self.classification(logits, targets.class_targets, targets.class_weights) / normalizer
        counts = real
        if self.miner is not None:
            mined = self.miner.select(  # padding ranks last: it takes no real proposal's place
                tf.where(real, box_losses, -1.0),
                tf.where(real, class_losses, -1.0),
                proposals,
                targets.matches,
            )
            counts &= mined > 0.0
        return {
            "localization_loss": self.weights.localization * tf.reduce_sum(tf.where(counts, box_losses, 0.0)),
            "classification_loss": self.weights.classification
            * tf.reduce_sum(tf.where(counts, class_losses, 0.0)),
        }
