"""A small RetinaNet-like SSD: feature pyramid, weight-shared predictor, multiscale anchors, focal loss."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from detection.builder import build_detector
from detection.config.pipeline_config import parse_pipeline_config
from detection.ssd import SSD
from tests.detection.conftest import HYPERPARAMS

CONFIG = f"""model {{ ssd {{
  num_classes: 2
  image_resizer {{ fixed_shape_resizer {{ height: 64 width: 64 }} }}
  feature_extractor {{
    type: "ssd_mobilenet_v1_fpn" depth_multiplier: 0.1 min_depth: 8 use_depthwise: true
    fpn {{ min_level: 3 max_level: 6 additional_layer_depth: 80 }} {HYPERPARAMS}
  }}
  box_coder {{ faster_rcnn_box_coder {{ }} }}
  matcher {{ argmax_matcher {{ force_match_for_each_row: true }} }}
  similarity_calculator {{ iou_similarity {{ }} }}
  encode_background_as_zeros: true
  box_predictor {{ weight_shared_convolutional_box_predictor {{
    depth: 8 num_layers_before_predictor: 1 use_depthwise: true class_prediction_bias_init: -4.6 {HYPERPARAMS}
  }} }}
  anchor_generator {{ multiscale_anchor_generator {{
    min_level: 3 max_level: 6 anchor_scale: 4 aspect_ratios: [1, 2, 0.5] scales_per_octave: 2
  }} }}
  post_processing {{
    batch_non_max_suppression {{ max_detections_per_class: 10 max_total_detections: 10 }}
    score_converter: SIGMOID
  }}
  normalize_loss_by_num_matches: true
  loss {{
    localization_loss {{ weighted_smooth_l1 {{ }} }}
    classification_loss {{ weighted_sigmoid_focal {{ gamma: 2 alpha: 0.25 }} }}
    classification_weight: 1 localization_weight: 1
  }}
}} }}"""
IMAGES = tf.cast(tf.random.stateless_uniform([2, 50, 70, 3], [1, 2], 0, 256, tf.int32), tf.uint8)
GROUNDTRUTH = {
    "boxes": tf.constant([[[0.2, 0.2, 0.7, 0.8]], [[0.1, 0.1, 0.4, 0.4]]]),
    "classes": tf.constant([[1], [2]]),
    "weights": tf.ones([2, 1]),
}


@pytest.fixture(scope="module")
def config() -> Any:
    return parse_pipeline_config(CONFIG, "pyramid.config").model


@pytest.fixture(scope="module")
def detector(config: Any) -> SSD:
    found = build_detector(config)
    assert isinstance(found, SSD)
    return found


def test_predictions_line_up_with_the_anchors(detector: SSD) -> None:
    raw = detector(detector.preprocess(IMAGES))
    anchors = (64 + 16 + 4 + 1) * 6
    assert detector.anchors.shape == (anchors, 4)
    assert raw["box_encodings"].shape == (2, anchors, 4)
    assert raw["class_predictions_with_background"].shape == (2, anchors, 3)


def test_scopes_are_those_of_tf1(detector: SSD) -> None:
    paths = {variable.path for variable in detector.variables}
    assert len(paths) == len(detector.variables)
    head = "ssd/WeightSharedConvolutionalBoxPredictor"
    assert {path.split("/")[1] for path in paths} == {"FeatureExtractor", head.removeprefix("ssd/")}
    assert f"{head}/ClassPredictionTower/conv2d_0/BatchNorm/feature_3/moving_mean" in paths
    assert f"{head}/BoxPredictor/pointwise_kernel" in paths
    assert "ssd/FeatureExtractor/MobilenetV1/fpn/bottom_up_Conv2d_14/BatchNorm/gamma" in paths


def test_focal_loss_reaches_every_trainable_variable_and_falls(detector: SSD) -> None:
    inputs = detector.preprocess(IMAGES)
    weights = [variable.value for variable in detector.trainable_variables]

    @tf.function
    def step() -> tuple[tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            losses = detector.compute_detection_losses(detector(inputs, training=True), GROUNDTRUTH)
            total = tf.add_n(list(losses.values()))
        gradients = tape.gradient(total, weights, unconnected_gradients="none")
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.assign_sub(0.2 * tf.clip_by_norm(gradient, 1.0))
        return total, gradients

    first, gradients = step()
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert 0 < float(first) < 10  # the prior of the class bias keeps thousands of anchors quiet
    history = [float(step()[0]) for _ in range(20)]
    assert np.isfinite(history).all() and history[-1] < 0.9 * float(first)


def test_checkpoint_holds_every_variable(detector: SSD, config: Any, tmp_path: Path) -> None:
    path = tf.train.Checkpoint(model=detector).write(str(tmp_path / "ckpt"))
    written = {name for name, _ in tf.train.list_variables(path) if name.startswith("model/")}
    assert len(written) == len(detector.variables)
    restored = build_detector(config)
    tf.train.Checkpoint(model=restored).read(path).assert_existing_objects_matched()
    for found, wanted in zip(restored.variables, detector.variables, strict=True):
        np.testing.assert_array_equal(found.numpy(), wanted.numpy())
