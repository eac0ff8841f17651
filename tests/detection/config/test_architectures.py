"""The lists that lint reads without TensorFlow are those of the code that does the work."""

from __future__ import annotations

from detection.config import protos
from detection.config.architectures import (
    AUGMENTATIONS,
    NATIVE,
    SHIM,
    SUPPORTED,
    architecture_of,
    nearest_supported,
)
from detection.tf1 import compat


def test_supported_architectures_are_the_builders() -> None:
    from detection import builder

    assert set(builder.NATIVE) == set(NATIVE)
    assert set(SUPPORTED) == set(NATIVE) | set(SHIM) and not set(NATIVE) & set(SHIM)


def test_the_shim_has_what_the_od_api_s_tf1_builder_has() -> None:
    compat.install_beside_tf2()
    from object_detection.builders import model_builder

    known = {
        *model_builder.SSD_FEATURE_EXTRACTOR_CLASS_MAP,
        *model_builder.FASTER_RCNN_FEATURE_EXTRACTOR_CLASS_MAP,
    }
    assert known == set(SUPPORTED)


def test_augmentations_are_those_that_training_applies() -> None:
    from detection.augment_options import APPLIED

    assert APPLIED == AUGMENTATIONS
    steps = protos.PreprocessingStep.DESCRIPTOR.oneofs_by_name["preprocessing_step"].fields
    assert {field.name for field in steps} >= AUGMENTATIONS


def test_architecture_of() -> None:
    model = protos.DetectionModel()
    assert architecture_of(model) == ""
    model.ssd.num_classes = 1
    assert architecture_of(model) == "ssd"
    model.ssd.feature_extractor.type = "ssd_mobilenet_v2"
    assert architecture_of(model) == "ssd_mobilenet_v2"
    model.faster_rcnn.feature_extractor.type = "faster_rcnn_resnet50"
    assert architecture_of(model) == "faster_rcnn_resnet50"


def test_nearest_supported() -> None:
    assert nearest_supported("ssd_mobilenet_v2_keras") == "ssd_mobilenet_v2"
    assert nearest_supported("ssd_resnet50_v1_ppn") == "ssd_resnet50_v1_ppn"
    assert nearest_supported("ssd_resnet50_v1_bifpn") == "ssd_resnet50_v1_fpn"


def test_the_nearest_whatever_the_case_and_of_the_kind_that_is_asked_for() -> None:
    assert nearest_supported("SSD_MOBILENET_V2") == "ssd_mobilenet_v2"
    assert nearest_supported("faster_rcnn_resnet50", "ssd") == "ssd_resnet50_v1_fpn"
    assert nearest_supported("embedded_ssd_mobilenet_v1", "faster_rcnn").startswith("faster_rcnn_")
    for name in SUPPORTED:
        assert nearest_supported(name, "faster_rcnn" if name.startswith("faster_rcnn") else "ssd") == name
