"""From raw predictions to detections: decode, convert scores, class-aware NMS, clip, pad. All in float32."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from detection.box_coder import FasterRcnnBoxCoder
from detection.nms import MulticlassNms

LABEL_ID_OFFSET = 1.0  # label map ids start at 1; the exporter adds it to padding rows too

SCORE_CONVERTERS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "IDENTITY": tf.identity,
    "SIGMOID": tf.sigmoid,
    "SOFTMAX": tf.nn.softmax,
}


@dataclass(frozen=True)
class Postprocessor:
    """SSDMetaArch.postprocess with the exporter's label offset, for images without padding.

    Attributes:
      score_converter: a name of the OD API's ScoreConverter.
      logit_scale: logits are divided by it first.
    """

    box_coder: FasterRcnnBoxCoder
    nms: MulticlassNms
    score_converter: str = "SIGMOID"
    logit_scale: float = 1.0

    def __call__(self, anchors: tf.Tensor, predictions: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Detections of a batch.

        Args:
          anchors: `[A, 4]` float32.
          predictions: "box_encodings" `[B, A, 4]`, "class_predictions_with_background" `[B, A, C + 1]`.

        Returns:
          float32 tensors with M = max_total_detections, rows by falling score, then padding (boxes and scores
          0, classes 1): detection_boxes `[B, M, 4]` clipped to the image, detection_scores `[B, M]`,
          detection_classes `[B, M]` (label ids from 1), detection_multiclass_scores `[B, M, C + 1]`,
          num_detections `[B]`, raw_detection_boxes `[B, A, 4]` (not clipped), raw_detection_scores
          `[B, A, C + 1]`.
        """
        encodings = tf.cast(predictions["box_encodings"], tf.float32)
        logits = tf.cast(predictions["class_predictions_with_background"], tf.float32)
        boxes = self.box_coder.decode(encodings, anchors)
        scores = SCORE_CONVERTERS[self.score_converter](logits * (1.0 / self.logit_scale))
        kept = self.nms(boxes, scores[..., 1:])
        multiclass = tf.gather(scores, kept.anchor_indices, batch_dims=1)
        return {
            "detection_boxes": kept.boxes,
            "detection_scores": kept.scores,
            "detection_classes": kept.classes + LABEL_ID_OFFSET,
            "detection_multiclass_scores": tf.where(kept.valid[..., tf.newaxis], multiclass, 0.0),
            "num_detections": tf.reduce_sum(tf.cast(kept.valid, tf.float32), axis=1),
            "raw_detection_boxes": boxes,
            "raw_detection_scores": scores,
        }
