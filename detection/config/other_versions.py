"""Fields that other versions of the Object Detection API have or had, and that have no counterpart here."""

from __future__ import annotations

from detection.config.text_fault import Reason


def _gone(what: str, fix: str) -> Reason:
    return Reason("TXT016", what, fix)


_MISPLACED = _gone(
    "batch_norm_trainable was a field of an SSD's feature_extractor until spring 2018, and never one here",
    "take it away, or write freeze_batchnorm: true into the ssd block if batch norm must not learn",
)
_CALIBRATION = _gone(
    "calibration by label is of an older Object Detection API (2019): later versions number the classes",
    "use class_id_function_approximations or class_id_sigmoid_calibrations, by class id",
)
_RESIZER = _gone(
    "keep_aspect_ratio_resizer has no height and width: it keeps the image's own ratio",
    "write keep_aspect_ratio_resizer { min_dimension: ... max_dimension: ... }: the shorter, the longer side",
)
_RESIZER_FIELDS = ("keep_aspect_ratio_height", "keep_aspect_ratio_width")
_RESIZERS = ("ImageResizer", "KeepAspectRatioResizer", "FixedShapeResizer")

# (message, field) -> what there is to say about it. Fields that are carried over are in upgrades.py; they
# are here for values that can't be.
OTHER_VERSIONS: dict[tuple[str, str], Reason] = {
    ("SsdFeatureExtractor", "batch_norm_trainable"): _gone(
        "batch_norm_trainable is of an older Object Detection API (until spring 2018), and does not agree "
        "with freeze_batchnorm of the same model",
        "keep freeze_batchnorm alone: it is the opposite of batch_norm_trainable",
    ),
    ("Ssd", "batch_norm_trainable"): _MISPLACED,
    ("Hyperparams", "batch_norm_trainable"): _MISPLACED,
    ("BatchNorm", "batch_norm_trainable"): _MISPLACED,
    ("SsdFeatureExtractor", "use_hardswish"): _gone(
        "use_hardswish is of a newer Object Detection API, and changes what EfficientNet computes",
        "take it away if the model's own config doesn't have it; with it the model can't be upcycled",
    ),
    ("FasterRcnn", "first_stage_only"): _gone(
        "first_stage_only is of the first Object Detection API (2017)",
        "write number_of_stages: 1 for true, 2 for false",
    ),
    ("Ssd", "weight_regression_loss_by_score"): _gone(
        "weight_regression_loss_by_score is of an older Object Detection API (2018), and has no successor",
        "take it away: boxes then count alike, whatever their score",
    ),
    ("Ssd", "use_expected_classification_loss_under_sampling"): _gone(
        "use_expected_classification_loss_under_sampling is of an older Object Detection API (2018)",
        "write expected_loss_weights: EXPECTED_SAMPLING into the loss block for true",
    ),
    ("CalibrationConfig", "label_function_approximations"): _CALIBRATION,
    ("CalibrationConfig", "label_sigmoid_calibrations"): _CALIBRATION,
    **{(message, field): _RESIZER for message in _RESIZERS for field in _RESIZER_FIELDS},
}
