"""Rules about what becomes of the logits: scores, non-maximum suppression, quantisation."""

from __future__ import annotations

from collections.abc import Iterator

from components.config_validator.rules_evaluation import suppression
from components.config_validator.subject import Problem, Rule, Subject

_RECALL_LOST_ABOVE = 0.051  # protos hold float32: 0.05 is a little more there
_SUPPRESSES_NOTHING = 0.95
_SIGMOID_LOSSES = ("weighted_sigmoid", "weighted_sigmoid_focal", "bootstrapped_sigmoid")
_SOFTMAX_LOSSES = ("weighted_softmax", "weighted_logits_softmax")


def scores_fit_the_loss(subject: Subject) -> Iterator[Problem]:
    """Scores must be what the loss has trained the logits to be."""
    if subject.ssd is None:
        return
    loss = subject.ssd.loss.classification_loss.WhichOneof("classification_loss") or ""
    processing = subject.ssd.post_processing
    enum = processing.DESCRIPTOR.fields_by_name["score_converter"].enum_type
    converter = enum.values_by_number[processing.score_converter].name
    wanted = "SIGMOID" if loss in _SIGMOID_LOSSES else "SOFTMAX" if loss in _SOFTMAX_LOSSES else converter
    if converter != wanted:
        yield Problem(
            "warning",
            f"score_converter is {converter}, but {loss} trains for {wanted}",
            "model.ssd.post_processing.score_converter",
            "scores are then no probabilities: thresholds and ranking across classes suffer",
            f"score_converter: {wanted}, unless the TF1 model was exported like this",
        )


def suppression_keeps_detections(subject: Subject) -> Iterator[Problem]:
    """Non-maximum suppression must let enough through for a fair average precision."""
    if (found := suppression(subject)) is None:
        return
    field, limits = found
    if not 0.0 < limits.iou_threshold <= 1.0:
        yield Problem(
            "error",
            f"iou_threshold is {limits.iou_threshold:g}",
            f"{field}.iou_threshold",
            "an intersection over union is between 0 and 1",
            "iou_threshold: 0.6",
        )
    elif limits.iou_threshold > _SUPPRESSES_NOTHING:
        yield Problem(
            "warning",
            f"iou_threshold is {limits.iou_threshold:g}",
            f"{field}.iou_threshold",
            "next to nothing is suppressed: an object is reported many times, which costs precision",
            "iou_threshold: 0.6",
        )
    if min(limits.max_detections_per_class, limits.max_total_detections) < 1:
        yield Problem(
            "error",
            "no detections are allowed",
            f"{field}.max_total_detections",
            "the detector would never find anything",
            "max_detections_per_class: 100 and max_total_detections: 100",
        )
    elif limits.max_detections_per_class > limits.max_total_detections:
        yield Problem(
            "error",
            f"max_detections_per_class is {limits.max_detections_per_class}, "
            f"max_total_detections {limits.max_total_detections}",
            f"{field}.max_detections_per_class",
            "one class can't have more detections than all together",
            f"max_total_detections: {limits.max_detections_per_class}",
        )
    if limits.score_threshold > _RECALL_LOST_ABOVE:
        yield Problem(
            "warning",
            f"score_threshold is {limits.score_threshold:g}",
            f"{field}.score_threshold",
            "average precision counts low scores too, so the metrics come out lower than the model is",
            "score_threshold: 1e-8, and a threshold in the program that uses the detections",
        )


def quantisation_is_dropped(subject: Subject) -> Iterator[Problem]:
    """Quantisation-aware training is not continued."""
    if subject.config.HasField("graph_rewriter"):
        yield Problem(
            "info",
            "graph_rewriter asks for quantisation-aware training",
            "graph_rewriter",
            "the ranges in the checkpoint are dropped; the model trains and serves in float32",
            "nothing to do; quantise the published SavedModel with the TFLite converter if needed",
        )
    elif subject.checkpoint is not None and subject.checkpoint.quantised:
        yield Problem(
            "info",
            "the checkpoint comes from quantisation-aware training",
            "graph_rewriter",
            "its ranges are dropped; the model trains and serves in float32",
            "nothing to do; quantise the published SavedModel with the TFLite converter if needed",
        )


RULES = (
    Rule(
        "CFG007",
        "score converter against the loss",
        scores_fit_the_loss,
        ("warning",),
        "score_converter: SIGMOID  # with weighted_softmax as the classification loss",
        "Convert scores as the loss trains them, unless the TF1 model was exported otherwise.",
    ),
    Rule(
        "CFG008",
        "non-maximum suppression",
        suppression_keeps_detections,
        ("error", "warning"),
        "score_threshold: 0.3",
        "Keep low scores here, and put the threshold into the program that uses the detections.",
    ),
    Rule(
        "CFG009",
        "quantisation",
        quantisation_is_dropped,
        ("info",),
        "graph_rewriter { quantization { delay: 48000 } }",
        "Nothing to do; quantise the published SavedModel with the TFLite converter if needed.",
    ),
)
