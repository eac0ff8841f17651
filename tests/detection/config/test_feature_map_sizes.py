"""Cells of the feature maps, against the models themselves."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from detection.anchor_builder import anchor_generator
from detection.builder import build_native
from detection.config.feature_map_sizes import feature_map_sizes, first_stage_map_size
from detection.config.pipeline_config import parse_pipeline_config
from tests.parity.od_api_configs import CONFIGS

# One of each kind of feature maps. A pyramid without padding halves its maps exactly, so has no odd size.
ODD, TRAINED = (197, 261), None
SSDS = {
    "ssd_mobilenet_v1": ODD,
    "embedded_ssd_mobilenet_v1": TRAINED,
    "ssdlite_mobilenet_v3_small": ODD,
    "ssd_mobilenet_v1_ppn": ODD,
    "ssd_inception_v2": ODD,
    "ssd_mobilenet_v1_fpnlite_cropped": ODD,
    "ssd_mobilenet_v2_fpn": ODD,
    "ssd_resnet50_v1_fpn_fine": TRAINED,
}


@pytest.mark.parametrize("name", SSDS)
def test_the_models_anchors_are_on_these_cells(name: str) -> None:
    config = parse_pipeline_config(CONFIGS[name], name).model
    if (size := SSDS[name]) is not None:
        config.ssd.image_resizer.fixed_shape_resizer.height = size[0]
        config.ssd.image_resizer.fixed_shape_resizer.width = size[1]
    detector = build_native(config)
    found = feature_map_sizes(config.ssd)
    assert found is not None
    anchors = anchor_generator(config.ssd).generate(found, detector.image_size)
    np.testing.assert_array_equal(anchors, detector.anchors)


@pytest.mark.parametrize("name", ["faster_rcnn_inception_v2", "faster_rcnn_resnet101_atrous"])
def test_cells_of_the_first_stage(name: str) -> None:
    config = parse_pipeline_config(CONFIGS[name], name).model
    if "inception_v2" in name:
        config.faster_rcnn.feature_extractor.first_stage_features_stride = 8  # which it does not read
    features = build_native(config).first_stage(tf.zeros([1, 123, 210, 3]))["features"]
    assert first_stage_map_size(config.faster_rcnn, (123, 210)) == tuple(features.shape[1:3])


def test_what_is_not_known() -> None:
    config = parse_pipeline_config(CONFIGS["ssd_mobilenet_v2"], "c").model.ssd
    assert feature_map_sizes(config) == [(10, 10), (5, 5), (3, 3), (2, 2), (1, 1), (1, 1)]
    config.feature_extractor.type = "ssd_mobiledet_cpu"
    assert feature_map_sizes(config) is None
    config.feature_extractor.type = "ssd_mobilenet_v2"
    config.image_resizer.keep_aspect_ratio_resizer.min_dimension = 300
    assert feature_map_sizes(config) is None


def test_anchors_need_no_tensorflow() -> None:
    modules = "sys, detection.anchor_builder, detection.config.feature_map_sizes"
    code = f"import {modules}; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
