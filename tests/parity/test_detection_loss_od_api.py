"""The batched loss against the OD API's own target assigner, losses and hard example miner."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from detection import losses
from detection.anchors import SsdAnchorGenerator, ssd_box_specs
from detection.box_coder import FasterRcnnBoxCoder
from detection.detection_loss import DetectionLoss
from detection.hard_example_miner import HardExampleMiner
from detection.matcher import ArgmaxMatcher
from detection.target_assigner import TargetAssigner, Targets

od_core = pytest.importorskip("object_detection.core.target_assigner", reason="the OD API is not installed")
from object_detection.box_coders import faster_rcnn_box_coder  # noqa: E402
from object_detection.core import box_list, matcher, region_similarity_calculator  # noqa: E402
from object_detection.core import losses as od_losses  # noqa: E402
from object_detection.matchers import argmax_matcher  # noqa: E402

CLASSES = 3
BOXES_BY_IMAGE = [0, 1, 3, 7, 12]
ANCHORS = SsdAnchorGenerator(
    ssd_box_specs(
        num_layers=6,
        min_scale=0.2,
        max_scale=0.95,
        scales=[],
        aspect_ratios=[1, 2, 0.5, 3, 0.3333],
        interpolated_scale_aspect_ratio=1.0,
        reduce_boxes_in_lowest_layer=True,
    )
).generate([(10, 10), (5, 5), (3, 3), (2, 2), (1, 1), (1, 1)], (160, 160))


@dataclass(frozen=True)
class Case:
    thresholds: tuple[float | None, float | None] = (0.5, 0.5)
    negatives_lower: bool = True
    force_match: bool = True
    background_as_zeros: bool = True
    classification: str = "sigmoid"
    ranking: str = "cls"
    iou_threshold: float = 0.99
    num_hard_examples: int | None = 3000
    min_negatives: int = 0


CASES = [
    Case(),
    Case(thresholds=(0.6, 0.4), ranking="both", iou_threshold=0.6, min_negatives=4),
    Case(thresholds=(None, None), classification="softmax", ranking="loc", background_as_zeros=False),
    Case(classification="softmax", background_as_zeros=False, num_hard_examples=64, iou_threshold=0.6),
    Case(thresholds=(0.6, 0.4), negatives_lower=False, classification="focal"),
    Case(force_match=False, num_hard_examples=None, ranking="both", min_negatives=4),
]


def batch(seed: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Padded groundtruth with weights, some 0, and raw predictions."""
    rng = np.random.default_rng(seed)
    size, most = len(BOXES_BY_IMAGE), max(BOXES_BY_IMAGE)
    boxes = np.zeros([size, most, 4], np.float32)
    classes, weights = np.zeros([size, most], np.int32), np.zeros([size, most], np.float32)
    for image, count in enumerate(BOXES_BY_IMAGE):
        center, half = rng.uniform(0.1, 0.9, [count, 2]), rng.uniform(0.01, 0.3, [count, 2])
        boxes[image, :count] = np.clip(np.concatenate([center - half, center + half], 1), 0, 1)
        classes[image, :count] = rng.integers(1, CLASSES + 1, count)
        weights[image, :count] = rng.choice([1.0, 1.0, 0.5, 0.0], count)
    encodings = rng.normal(0, 1, [size, len(ANCHORS), 4]).astype(np.float32)
    logits = rng.normal(-2, 2, [size, len(ANCHORS), CLASSES + 1]).astype(np.float32)
    return {"boxes": boxes, "classes": classes, "weights": weights}, encodings, logits


def od_api(
    case: Case, groundtruth: dict[str, np.ndarray], encodings: np.ndarray, logits: np.ndarray
) -> tuple[tuple[float, float], Targets]:
    """The two losses and the targets as the OD API computes them, image by image."""
    coder = faster_rcnn_box_coder.FasterRcnnBoxCoder([10.0, 10.0, 5.0, 5.0])
    argmax = argmax_matcher.ArgMaxMatcher(
        *case.thresholds,
        negatives_lower_than_unmatched=case.negatives_lower,
        force_match_for_each_row=case.force_match,
    )
    assigner = od_core.TargetAssigner(
        region_similarity_calculator.IouSimilarity(), argmax, coder, negative_class_weight=0.7
    )
    anchors = box_list.BoxList(tf.constant(ANCHORS))
    by_image = range(len(BOXES_BY_IMAGE))
    counts = BOXES_BY_IMAGE
    class_targets, class_weights, box_targets, box_weights, match = od_core.batch_assign_targets(
        assigner,
        anchors,
        [box_list.BoxList(tf.constant(groundtruth["boxes"][i, : counts[i]])) for i in by_image],
        [tf.one_hot(groundtruth["classes"][i, : counts[i]], CLASSES + 1) for i in by_image],
        tf.constant([0.0 if case.background_as_zeros else 1.0] + [0.0] * CLASSES),
        [tf.constant(groundtruth["weights"][i, : counts[i]]) for i in by_image],
    )
    box_losses = od_losses.WeightedSmoothL1LocalizationLoss(0.8)(
        tf.constant(encodings), box_targets, ignore_nan_targets=True, weights=box_weights
    )
    classification = {
        "sigmoid": od_losses.WeightedSigmoidClassificationLoss(),
        "softmax": od_losses.WeightedSoftmaxClassificationLoss(1.5),
        "focal": od_losses.SigmoidFocalClassificationLoss(2.0, 0.25),
    }[case.classification]
    class_losses = classification(tf.constant(logits), class_targets, weights=class_weights)
    if len(class_losses.shape) == 3:
        class_losses = tf.reduce_sum(class_losses, axis=-1)
    totals = tf.reduce_sum(box_losses), tf.reduce_sum(class_losses)
    if case.classification != "focal":
        miner = od_losses.HardExampleMiner(
            case.num_hard_examples, case.iou_threshold, case.ranking, 1.0, 1.2, 3, case.min_negatives
        )
        decoded = [coder.decode(tf.constant(encodings[i]), anchors) for i in by_image]
        totals = miner(box_losses, class_losses, decoded, [matcher.Match(m) for m in tf.unstack(match)])
    normalizer = max(float(tf.reduce_sum(box_weights)), 1.0)
    targets = Targets(class_targets, class_weights[..., 0], box_targets, box_weights, match)
    return (1.2 * float(totals[0]) / normalizer, float(totals[1]) / normalizer), targets


def native(case: Case) -> DetectionLoss:
    classification: dict[str, losses.AnchorLoss] = {
        "sigmoid": losses.sigmoid_cross_entropy,
        "softmax": partial(losses.softmax_cross_entropy, logit_scale=1.5),
        "focal": losses.sigmoid_focal,
    }
    ranking = {"cls": (1.0, 0.0), "loc": (0.0, 1.0), "both": (1.0, 1.2)}[case.ranking]
    return DetectionLoss(
        target_assigner=TargetAssigner(
            ArgmaxMatcher(*case.thresholds, case.negatives_lower, case.force_match),
            FasterRcnnBoxCoder(),
            CLASSES,
            case.background_as_zeros,
            negative_class_weight=0.7,
        ),
        localization=partial(losses.smooth_l1, delta=0.8),
        classification=classification[case.classification],
        localization_weight=1.2,
        classification_weight=1.0,
        miner=None
        if case.classification == "focal"
        else HardExampleMiner(case.num_hard_examples, case.iou_threshold, 3.0, case.min_negatives, *ranking),
        normalize_by_num_matches=True,
        normalize_boxes_by_code_size=False,
    )


@pytest.mark.parametrize("case", CASES)
def test_losses_and_targets_equal_the_od_apis(case: Case) -> None:
    for seed in range(2):
        groundtruth, encodings, logits = batch(seed)
        wanted, wanted_targets = od_api(case, groundtruth, encodings, logits)
        tensors = {key: tf.constant(value) for key, value in groundtruth.items()}
        loss = native(case)
        predictions = {
            "box_encodings": tf.constant(encodings),
            "class_predictions_with_background": tf.constant(logits),
        }
        found = loss(tf.constant(ANCHORS), predictions, tensors)
        np.testing.assert_allclose(
            [found["localization_loss"], found["classification_loss"]], wanted, rtol=2e-6
        )
        targets = loss.target_assigner.assign(tf.constant(ANCHORS), tensors)
        for name, value, wanted_value in zip(Targets._fields, targets, wanted_targets, strict=True):
            np.testing.assert_allclose(value, wanted_value, atol=2e-6, err_msg=name)
