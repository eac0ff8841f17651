"""Rules about eval_config, and about limits that the data's densest picture runs into."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from components.config_validator.findings import Change
from components.config_validator.subject import Problem, Rule, Subject

# Boxes that training takes of a picture (components.trainer.dataset), and detections that the metrics count.
BOXES_IN_TRAINING = 100
_COCO = "coco_detection_metrics"
_METRICS = (
    _COCO,
    "coco_keypoint_metrics",
    "coco_mask_metrics",
    "coco_panoptic_metrics",
    "lvis_mask_metrics",
    "oid_V2_detection_metrics",
    "oid_challenge_detection_metrics",
    "oid_challenge_segmentation_metrics",
    "pascal_voc_detection_metrics",
    "pascal_voc_instance_segmentation_metrics",
    "precision_at_recall_detection_metrics",
    "weighted_pascal_voc_detection_metrics",
    "weighted_pascal_voc_instance_segmentation_metrics",
)
_OLD_NAMES = {
    "coco_metrics": _COCO,
    "open_images_V2_detection_metrics": "oid_V2_detection_metrics",
    "open_images_detection_metrics": "oid_V2_detection_metrics",
    "open_images_metrics": "oid_V2_detection_metrics",
    "pascal_voc_metrics": "pascal_voc_detection_metrics",
    "weighted_pascal_voc_metrics": "weighted_pascal_voc_detection_metrics",
}
_OTHER_RULES = ("metrics_set", "num_examples", "use_moving_averages", "eval_instance_masks")


def densest_picture_fits(subject: Subject) -> Iterator[Problem]:
    """A picture with more objects than the detector may report, or training may see, loses the rest."""
    if subject.data is None:
        return
    densest = subject.data.boxes_of_densest
    found = suppression(subject)
    if found is not None and 0 < found[1].max_total_detections < densest:
        field, limits = found
        yield Problem(
            "warning",
            f"max_total_detections is {limits.max_total_detections}, but a picture has {densest} objects",
            f"{field}.max_total_detections",
            "the detector can't report them all, so recall stays below 1",
            f"max_total_detections: {densest + densest // 2} or more; more output is slower to serve",
        )
    if densest > BOXES_IN_TRAINING:
        yield Problem(
            "warning",
            f"a picture has {densest} objects, but training and metrics take {BOXES_IN_TRAINING}",
            "train_config.max_number_of_boxes",
            "the rest is cut: in training it counts as background, in the metrics as missed",
            "cut such pictures into smaller ones",
        )


def metrics_are_known(subject: Subject) -> Iterator[Problem]:
    """The Evaluator computes COCO's detection metrics, whatever the config names."""
    for name in dict.fromkeys(subject.evaluation.metrics_set):
        if name == _COCO:
            continue
        if name in _METRICS:
            yield Problem(
                "info",
                f"{name} is not computed",
                "eval_config.metrics_set",
                "the Evaluator computes COCO's detection metrics; mAP_50 is next to Pascal VOC's",
                "nothing to do",
            )
        else:
            near = _OLD_NAMES.get(name) or next(
                iter(difflib.get_close_matches(name[:100], _METRICS, n=1)), _COCO
            )
            old = "an older name, which" if name in _OLD_NAMES else "which"
            yield Problem(
                "warning",
                f"metrics_set has {name[:100]!r}, {old} the Object Detection API does not know",
                "eval_config.metrics_set",
                "TF1 would stop at it; the Evaluator computes COCO's detection metrics",
                f'metrics_set: "{near}"',
            )


def num_examples_is_the_datas(subject: Subject) -> Iterator[Problem]:
    """num_examples told TF1 how many pictures to evaluate; here all of them are."""
    evaluation = subject.evaluation
    if subject.data is None or not evaluation.HasField("num_examples"):
        return
    images = subject.data.images_eval
    if images is None:
        if evaluation.num_examples > subject.data.images:
            yield Problem(
                "info",
                f"num_examples is {evaluation.num_examples}, of {subject.data.images} pictures in all",
                "eval_config.num_examples",
                "it has no effect here: all that are set aside for it are evaluated",
                "nothing to do, or remove it",
            )
    elif evaluation.num_examples != images:
        yield Problem(
            "info",
            f"num_examples is {evaluation.num_examples}, but there are {images} pictures to evaluate",
            "eval_config.num_examples",
            "it has no effect here: all are evaluated. TF1 would evaluate "
            + ("some twice" if evaluation.num_examples > images else "a part of them"),
            f"num_examples: {images}",
            (Change(field="eval_config.num_examples", value=images),),
        )


def evaluation_loop_is_gone(subject: Subject) -> Iterator[Problem]:
    """TF1 evaluated again and again beside the training; here a model is evaluated once."""
    names = [
        field.name for field, _ in subject.evaluation.ListFields() if field.name not in _OTHER_RULES
    ]  # fmt: skip
    if names:
        yield Problem(
            "info",
            f"no effect in eval_config: {', '.join(names)}",
            f"eval_config.{names[0]}",
            "the trained model is evaluated once, on all pictures, and reported by class and size",
            "nothing to do",
        )


def suppression(subject: Subject) -> tuple[str, Any] | None:
    """Dotted path and message of the detector's last non-maximum suppression."""
    if subject.ssd is not None:
        field, processing = "model.ssd.post_processing", subject.ssd.post_processing
    elif subject.faster_rcnn is not None and subject.faster_rcnn.number_of_stages > 1:
        field = "model.faster_rcnn.second_stage_post_processing"
        processing = subject.faster_rcnn.second_stage_post_processing
    else:
        return None
    if not processing.HasField("batch_non_max_suppression"):
        return None
    return f"{field}.batch_non_max_suppression", processing.batch_non_max_suppression


RULES = (
    Rule(
        "CFG058",
        "detections against the densest picture",
        densest_picture_fits,
        ("warning",),
        "max_total_detections: 100  # with a picture of 130 objects",
        "Raise max_total_detections, or cut such pictures into smaller ones.",
    ),
    Rule(
        "CFG059",
        "metrics",
        metrics_are_known,
        ("warning", "info"),
        'metrics_set: "coco_metrics"',
        'Write metrics_set: "coco_detection_metrics".',
    ),
    Rule(
        "CFG060",
        "number of pictures to evaluate",
        num_examples_is_the_datas,
        ("info",),
        "num_examples: 8000  # with 36 pictures to evaluate",
        "Write the number of pictures, or remove it.",
        safe=True,
    ),
    Rule(
        "CFG061",
        "evaluation loop",
        evaluation_loop_is_gone,
        ("info",),
        "max_evals: 10",
        "Nothing to do.",
    ),
)
