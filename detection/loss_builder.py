"""The training loss from an `Ssd` proto."""

from __future__ import annotations

from typing import Any

from detection.box_coder import FasterRcnnBoxCoder
from detection.detection_loss import DetectionLoss
from detection.errors import BadInput, NoNativeModel
from detection.hard_example_miner import HardExampleMiner
from detection.hyperparams import enum_name
from detection.losses import classification_loss, localization_loss
from detection.matcher import ArgmaxMatcher
from detection.target_assigner import TargetAssigner

_LOSS = "model.ssd.loss"


def detection_loss(config: Any, box_coder: FasterRcnnBoxCoder, num_classes: int) -> DetectionLoss:
    """The loss an `Ssd` proto describes; BadInput for a part that isn't supported."""
    loss = config.loss
    for name in ("random_example_sampler", "equalization_loss"):
        if loss.HasField(name):
            raise NoNativeModel(f"{name} is not supported", f"{_LOSS}.{name}", "remove it")
    if enum_name(loss, "expected_loss_weights") != "NONE":
        raise NoNativeModel(
            "expected_loss_weights is not supported", f"{_LOSS}.expected_loss_weights", "remove it"
        )
    if config.use_confidences_as_targets:
        where = "model.ssd.use_confidences_as_targets"
        raise NoNativeModel("use_confidences_as_targets is not supported", where, "remove the line")
    return DetectionLoss(
        target_assigner=TargetAssigner(
            matcher=_matcher(config.matcher),
            box_coder=box_coder,
            num_classes=num_classes,
            encode_background_as_zeros=config.encode_background_as_zeros,
            negative_class_weight=config.negative_class_weight,
        ),
        localization=localization_loss(loss.localization_loss),
        classification=classification_loss(loss.classification_loss),
        localization_weight=loss.localization_weight,
        classification_weight=loss.classification_weight,
        miner=_miner(loss) if loss.HasField("hard_example_miner") else None,
        normalize_by_num_matches=config.normalize_loss_by_num_matches,
        normalize_boxes_by_code_size=config.normalize_loc_loss_by_codesize,
    )


def _matcher(config: Any) -> ArgmaxMatcher:
    kind = config.WhichOneof("matcher_oneof")
    if kind != "argmax_matcher":
        raise BadInput(f"{kind or 'no matcher'} is not supported", "model.ssd.matcher", "use argmax_matcher")
    argmax = config.argmax_matcher
    if not argmax.ignore_thresholds and argmax.unmatched_threshold > argmax.matched_threshold:
        raise BadInput(
            f"unmatched_threshold {argmax.unmatched_threshold:g} is above"
            f" matched_threshold {argmax.matched_threshold:g}",
            "model.ssd.matcher.argmax_matcher",
            "lower unmatched_threshold",
        )
    return ArgmaxMatcher(
        matched_threshold=None if argmax.ignore_thresholds else argmax.matched_threshold,
        unmatched_threshold=None if argmax.ignore_thresholds else argmax.unmatched_threshold,
        negatives_lower_than_unmatched=argmax.negatives_lower_than_unmatched,
        force_match_for_each_row=argmax.force_match_for_each_row,
    )


def hard_example_miner(config: Any, class_weight: float, box_weight: float) -> HardExampleMiner:
    """The miner of a `HardExampleMiner` proto; the weights are those of the two losses it ranks by."""
    kind = enum_name(config, "loss_type")
    class_weight, box_weight = {
        "BOTH": (class_weight, box_weight),
        "CLASSIFICATION": (1.0, 0.0),
        "LOCALIZATION": (0.0, 1.0),
    }[kind]
    return HardExampleMiner(
        num_hard_examples=config.num_hard_examples or None,
        iou_threshold=config.iou_threshold,
        max_negatives_per_positive=config.max_negatives_per_positive or None,
        min_negatives_per_image=config.min_negatives_per_image,
        class_loss_weight=class_weight,
        box_loss_weight=box_weight,
    )


def _miner(loss: Any) -> HardExampleMiner:
    if loss.classification_loss.WhichOneof("classification_loss") == "weighted_sigmoid_focal":
        raise BadInput(
            "hard_example_miner doesn't go with focal loss",
            f"{_LOSS}.hard_example_miner",
            "remove the miner: focal loss weighs hard examples itself",
        )
    return hard_example_miner(loss.hard_example_miner, loss.classification_weight, loss.localization_weight)
