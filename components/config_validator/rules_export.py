"""A rule about what the run exports beside the SavedModel: can this model become that?"""

from __future__ import annotations

from collections.abc import Iterator

from components.config_validator.rules_model import is_supported
from components.config_validator.subject import Problem, Rule, Subject
from detection.config.tflite import tflite_obstacle


def model_fits_tflite(subject: Subject) -> Iterator[Problem]:
    """Where export.tflite asks for TFLite models, the model must be one that TFLite can run."""
    if not subject.tflite or not is_supported(subject):
        return  # or another rule says what is wrong with it
    obstacle = tflite_obstacle(subject.config.model)
    if obstacle is not None:
        yield Problem(
            "error",
            "this model can't become a TFLite model",
            obstacle.field,
            obstacle.reason,
            obstacle.fix,
        )


RULES = (
    Rule(
        "CFG066",
        "TFLite models of this model",
        model_fits_tflite,
        ("error",),
        "soft_nms_sigma: 0.5  # and export.tflite in the detector's YAML, or upcycle lint --tflite",
        "Leave export.tflite out, or train an SSD that has a native model, without soft suppression.",
    ),
)
