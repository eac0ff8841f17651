"""What keeps a model from becoming a TFLite model is what the builder and the export say of it."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import text_format

from detection.builder import build_native
from detection.config.pipeline_config import parse_pipeline_config
from detection.config.tflite import tflite_obstacle
from detection.errors import NoNativeModel
from tests.parity.od_api_configs import CONFIGS
from tests.parity.od_api_shim_configs import SHIM_CONFIGS

# fields of an SSD that only the Object Detection API's own code can build: what the builder must find too
WITHOUT_NATIVE_MODEL = {
    "feature_extractor.type": 'feature_extractor { type: "ssd_mobiledet_cpu" }',
    "image_resizer.keep_aspect_ratio_resizer": "image_resizer { keep_aspect_ratio_resizer { } }",
    "image_resizer.fixed_shape_resizer.convert_to_grayscale": (
        "image_resizer { fixed_shape_resizer { convert_to_grayscale: true } }"
    ),
    "add_background_class": "add_background_class: false",
    "anchor_generator.flexible_grid_anchor_generator": (
        "anchor_generator { flexible_grid_anchor_generator { } }"
    ),
    "anchor_generator.multiscale_anchor_generator.normalize_coordinates": (
        "anchor_generator { multiscale_anchor_generator { normalize_coordinates: false } }"
    ),
    "box_coder.mean_stddev_box_coder": "box_coder { mean_stddev_box_coder { } }",
    "loss.random_example_sampler": "loss { random_example_sampler { } }",
    "loss.equalization_loss": "loss { equalization_loss { } }",
    "loss.expected_loss_weights": "loss { expected_loss_weights: EXPECTED_SAMPLING }",
    "use_confidences_as_targets": "use_confidences_as_targets: true",
    "loss.localization_loss.weighted_iou": "loss { localization_loss { weighted_iou { } } }",
    "loss.classification_loss.weighted_logits_softmax": (
        "loss { classification_loss { weighted_logits_softmax { } } }"
    ),
    "post_processing.calibration_config": (
        "post_processing { calibration_config { sigmoid_calibration { } } }"
    ),
    "post_processing.batch_non_max_suppression.use_class_agnostic_nms": (
        "post_processing { batch_non_max_suppression { use_class_agnostic_nms: true } }"
    ),
    "feature_extractor.conv_hyperparams": ("feature_extractor { conv_hyperparams { force_use_bias: true } }"),
    "box_predictor.convolutional_box_predictor.conv_hyperparams": (
        "box_predictor { convolutional_box_predictor { conv_hyperparams { group_norm { } } } }"
    ),
}


def small() -> Any:
    return parse_pipeline_config(CONFIGS["ssd_mobilenet_v1"], "tests").model


@pytest.mark.parametrize("field", WITHOUT_NATIVE_MODEL)
def test_what_has_no_native_model_is_an_obstacle(field: str) -> None:
    model = small()
    text_format.Merge(f"ssd {{ {WITHOUT_NATIVE_MODEL[field]} }}", model)
    obstacle = tflite_obstacle(model)
    assert obstacle is not None and obstacle.field == f"model.ssd.{field}"
    assert "no native model" in obstacle.reason and "export.tflite" in obstacle.fix
    with pytest.raises(NoNativeModel):
        build_native(model)


@pytest.mark.parametrize("name", CONFIGS)
def test_native_models_with_one_stage_have_none(name: str) -> None:
    model = parse_pipeline_config(CONFIGS[name], name).model
    obstacle = tflite_obstacle(model)
    if name.startswith("faster_rcnn"):
        assert obstacle is not None and "second stage" in obstacle.reason
    else:
        assert obstacle is None


@pytest.mark.parametrize("name", SHIM_CONFIGS)
def test_what_runs_the_od_apis_code_has_one(name: str) -> None:
    assert tflite_obstacle(parse_pipeline_config(SHIM_CONFIGS[name], name).model) is not None


def test_soft_suppression_is_one() -> None:
    model = small()
    model.ssd.post_processing.batch_non_max_suppression.soft_nms_sigma = 0.5
    obstacle = tflite_obstacle(model)
    assert obstacle is not None and obstacle.field.endswith("soft_nms_sigma")


def test_the_tf2_name_of_a_native_model_is_none() -> None:
    model = small()
    model.ssd.feature_extractor.type = "ssd_mobilenet_v1_keras"
    assert tflite_obstacle(model) is None
