"""Two-stage detectors of the OD API (Faster R-CNN of any backbone, R-FCN, Mask R-CNN), stage by stage."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from detection.context import side_inputs
from detection.detector import Groundtruth, Tensors
from detection.postprocess import LABEL_ID_OFFSET
from detection.rpn import Proposals
from detection.shim.detector import ShimDetector, as_detections, image_shapes, replaced

_FIRST = ("rpn_box_encodings", "rpn_objectness_predictions_with_background", "anchors")
_SECOND = (
    "refined_box_encodings",
    "class_predictions_with_background",
    "proposal_boxes",
    "num_proposals",
    "proposal_boxes_normalized",
)


class ShimTwoStageDetector(ShimDetector):
    """A two-stage detector of the OD API; the methods and their results are those of FasterRCNN.

    Batch norm is trained if the config says batch_norm_trainable and `freeze_batch_norm` is False.
    """

    def __init__(self, model_config: Any, *, name: str = "faster_rcnn") -> None:
        super().__init__(model_config, name=name)
        predictor = self._proto.second_stage_box_predictor.mask_rcnn_box_predictor
        self.has_masks = self._proto.number_of_stages == 3 and predictor.predict_instance_masks

    def _why_indivisible(self) -> str | None:
        if self._proto.HasField("hard_example_miner"):
            return "hard_example_miner looks at the first image of a batch alone, as in TF1"
        return None

    def batch_norm_trains(self) -> bool:
        """Whether the statistics of some batch norm may move in training."""
        return self._proto.feature_extractor.batch_norm_trainable and super().batch_norm_trains()

    def loss_divisor(self, groundtruth: Groundtruth) -> tf.Tensor:
        """How many images these are, float32 scalar."""
        return tf.cast(tf.shape(groundtruth["classes"])[0], tf.float32)

    def _part_of_losses(self, model: Any, found: Tensors, shapes: tf.Tensor, divisor: tf.Tensor) -> Tensors:
        share = tf.cast(tf.shape(shapes)[0], tf.float32) / divisor
        return {name: loss * share for name, loss in model.loss(found, shapes).items()}

    def _loss_names(self, masks: bool) -> tuple[str, ...]:
        names = ("rpn_localization_loss", "rpn_objectness_loss", *super()._loss_names(masks))
        return (*names, "mask_loss") if masks else names

    def call(self, preprocessed: tf.Tensor, training: bool = False) -> Tensors:
        """Raw predictions of both stages: what `first_stage` and `second_stage` return, in one dictionary."""
        first = self.first_stage(preprocessed, training=training)
        return first | self.second_stage(first, self.propose(first), training=training)

    def first_stage(self, preprocessed: tf.Tensor, training: bool = False) -> Tensors:
        """Features, anchors and what is predicted for them; see FasterRCNN.first_stage.

        "image_size" is that of the network's input, with padding; "image_shapes" `[B, 3]` are without.
        """
        network_input = self._padded(preprocessed)
        found = self._run(training, lambda model: model._predict_first_stage(network_input))
        return self._predictions(found, image_shapes(preprocessed))

    def _predictions(self, found: Tensors, shapes: tf.Tensor) -> Tensors:
        return {
            "features": found["rpn_features_to_crop"][0],
            "image_size": found["image_shape"][1:3],
            "image_shapes": shapes,
            **{name: found[name] for name in _FIRST},
        }

    def propose(self, first: Tensors) -> Proposals:
        """The boxes the first stage proposes at inference, without a gradient."""
        boxes, logits, anchors = (first[name] for name in _FIRST)

        def proposals(model: Any) -> Proposals:
            input_shapes = model._image_batch_shape_2d(_image_shape(first))
            found = model._postprocess_rpn(boxes, logits, anchors, input_shapes, first["image_shapes"])
            return Proposals(tf.stop_gradient(found[0]), found[3])

        return self._run(False, proposals)

    def second_stage(self, first: Tensors, proposals: Proposals, training: bool = False) -> Tensors:
        """A class and a refined box for each of P proposals; see FasterRCNN.second_stage."""
        boxes, logits, anchors = (first[name] for name in _FIRST)
        proposed = (proposals.boxes, None, None, proposals.count, None, None)

        def predictions(model: Any) -> Tensors:
            with replaced(model, "_postprocess_rpn", lambda *_: proposed):
                found = model._predict_second_stage(
                    boxes,
                    logits,
                    [first["features"]],
                    anchors,
                    _image_shape(first),
                    first["image_shapes"],
                    **side_inputs(first),
                )
            return {name: found[name] for name in _SECOND}

        return self._run(training, predictions)

    def postprocess(self, predictions: Tensors) -> Tensors:
        """Detections from raw predictions; with masks if there are "features" to crop them from."""

        def detections(model: Any) -> Tensors:
            if self.has_masks and "features" in predictions:
                found = model._predict_third_stage(_third_stage(predictions), predictions["image_shapes"])
            else:
                found = model._postprocess_box_classifier(
                    *(predictions[name] for name in _SECOND[:4]), predictions["image_shapes"]
                )
            return as_detections(found)

        return self._run(False, detections)

    def masks(self, predictions: Tensors, boxes: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
        """The mask of each detection: see MaskDetector."""
        detections = {"detection_boxes": boxes, "detection_classes": classes - LABEL_ID_OFFSET}

        def third_stage(model: Any) -> tf.Tensor:
            with replaced(model, "_postprocess_box_classifier", lambda *_: detections):
                found = model._predict_third_stage(_third_stage(predictions), predictions["image_shapes"])
            return found["detection_masks"]

        return self._run(False, third_stage)


def _third_stage(predictions: Tensors) -> dict[str, Any]:
    """What the OD API's third stage reads, in a dictionary that it may change."""
    return predictions | {
        "rpn_features_to_crop": [predictions["features"]],
        "image_shape": _image_shape(predictions),
    }


def _image_shape(predictions: Tensors) -> tf.Tensor:
    """`[4]` int32: the shape (B, H, W, 3) of the network's input."""
    height, width = tf.unstack(predictions["image_size"])
    return tf.stack([tf.shape(predictions["image_shapes"])[0], height, width, 3])
