from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from detection.builder import build_detector
from detection.config.pipeline_config import parse_pipeline_config
from detection.errors import BadInput
from detection.shim.builder import build_shim
from detection.shim.detector import ShimDetector
from tests.parity.od_api_configs import CONFIGS, faster_rcnn


def _model(text: str) -> Any:
    return parse_pipeline_config(text, "test.config").model


def test_an_option_without_a_native_model_runs_through_the_shim(small_config: Any) -> None:
    resizer = small_config.model.ssd.image_resizer.keep_aspect_ratio_resizer
    resizer.min_dimension, resizer.max_dimension = 96, 128
    detector = build_detector(small_config.model, num_classes=7)
    assert isinstance(detector, ShimDetector)
    assert detector.num_classes == 7
    assert detector.no_native_model == "keep_aspect_ratio_resizer is not supported for SSD"
    assert not detector.has_one_input_size


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda model: model.Clear(), "model"),
        (lambda model: setattr(model.ssd.feature_extractor, "type", "ssd_vgg16"), "feature_extractor.type"),
        (lambda model: setattr(model.ssd, "num_classes", 0), "model.ssd.num_classes"),
        (lambda model: model.ssd.ClearField("image_resizer"), "model.ssd.image_resizer"),
        (lambda model: model.ssd.image_resizer.identity_resizer.SetInParent(), "model.ssd.image_resizer"),
        (lambda model: model.ssd.ClearField("anchor_generator"), "model"),
    ],
)
def test_what_the_object_detection_api_has_not_is_bad_input(
    change: Callable[[Any], None], where: str
) -> None:
    model = _model(CONFIGS["ssd_mobilenet_v1"])
    change(model)
    with pytest.raises(BadInput) as error:
        build_shim(model)
    assert where in error.value.where
    assert error.value.fix


def test_an_unknown_architecture_names_the_nearest() -> None:
    model = _model(CONFIGS["ssd_mobilenet_v1"])
    model.ssd.feature_extractor.type = "ssd_mobiledet_tpu"
    with pytest.raises(BadInput, match="nearest supported one is ssd_mobiledet_"):
        build_detector(model)


def test_bare_proposals_are_bad_input() -> None:
    model = _model(faster_rcnn("faster_rcnn_nas"))
    model.faster_rcnn.image_resizer.fixed_shape_resizer.height = 100
    model.faster_rcnn.number_of_stages = 1
    with pytest.raises(BadInput) as error:
        build_detector(model)
    assert error.value.where == "model.faster_rcnn.number_of_stages"


def test_code_that_needs_a_known_size_says_so(small_config: Any) -> None:
    with pytest.raises(BadInput, match="the code of faster_rcnn_pnas must know the size"):
        build_shim(_model(faster_rcnn("faster_rcnn_pnas")))
    small_config.model.ssd.feature_extractor.type = "ssd_spaghettinet"
    resizer = small_config.model.ssd.image_resizer.keep_aspect_ratio_resizer
    resizer.min_dimension, resizer.max_dimension = 96, 128
    with pytest.raises(BadInput, match="the code of ssd_spaghettinet must know the size"):
        build_shim(small_config.model)


@pytest.mark.parametrize(
    ("model", "what", "where", "fix"),
    [
        (
            "ssd { num_classes: 1 }",
            "has no type",
            "model.ssd.feature_extractor.type",
            "upcycle architectures",
        ),
        (
            'ssd { feature_extractor { type: "SSD_MobileNet_v2" } }',
            "none of the TF1 Object Detection API's",
            "model.ssd.feature_extractor.type",
            "is ssd_mobilenet_v2",
        ),
        (
            'ssd { feature_extractor { type: "faster_rcnn_resnet50" } }',
            "is a feature extractor of model.faster_rcnn, and the model is ssd",
            "model.ssd.feature_extractor.type",
            "the nearest one of model.ssd is ssd_resnet50_v1_fpn",
        ),
        (
            'faster_rcnn { feature_extractor { type: "ssd_inception_v2" } }',
            "is a feature extractor of model.ssd, and the model is faster_rcnn",
            "model.faster_rcnn.feature_extractor.type",
            "the nearest one of model.faster_rcnn is faster_rcnn_inception_v2",
        ),
        (
            'experimental_model { name: "x" }',
            "experimental_model is none of the TF1 Object Detection API's models",
            "model.experimental_model",
            "the nearest supported feature extractor is",
        ),
        (
            'center_net { feature_extractor { type: "resnet_v2_101" } }',
            "center_net is none of the TF1 Object Detection API's models, which are ssd and faster_rcnn",
            "model.center_net",
            "nearest supported feature extractor is ssd_resnet",
        ),
    ],
)
def test_what_tf1_has_not_is_refused_plainly(model: str, what: str, where: str, fix: str) -> None:
    with pytest.raises(BadInput) as error:
        build_detector(_model(f"model {{ {model} }}"))
    assert what in error.value.what
    assert error.value.where == where
    assert fix in error.value.fix
