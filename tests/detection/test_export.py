from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from detection.builder import build_detector
from detection.config.pipeline_config import parse_pipeline_config
from detection.export import export_saved_model
from detection.ssd import SSD
from tests.parity.od_api_shim_configs import SHIM_CONFIGS

SIZES = [(50, 70), (120, 40), (96, 96)]
STRING_SIGNATURES = ("encoded_image_string_tensor", "tf_example")


def picture(height: int, width: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, [height, width, 3], np.uint8)


def as_example(encoded: bytes) -> bytes:
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[encoded]))
    features = tf.train.Features(feature={"image/encoded": feature})
    return tf.train.Example(features=features).SerializeToString()


def served_strings(signatures: Any, encoded: list[bytes]) -> dict[str, dict[str, np.ndarray]]:
    """What each of the signatures that take strings gives for these image files."""
    inputs = {STRING_SIGNATURES[0]: encoded, STRING_SIGNATURES[1]: [as_example(file) for file in encoded]}
    return {name: signatures[name](input_tensor=tf.constant(batch)) for name, batch in inputs.items()}


def assert_served_alike(signatures: Any, encoded: list[bytes], images: list[np.ndarray]) -> None:
    """Encoded images in one batch give what serving_default gives for each of the pictures in them."""
    each = [signatures["serving_default"](input_tensor=image[np.newaxis]) for image in images]
    for name, found in served_strings(signatures, encoded).items():
        assert {"detection_boxes", "detection_scores", "detection_classes", "num_detections"} <= set(found)
        for key, value in found.items():
            wanted = np.concatenate([one[key] for one in each])
            np.testing.assert_allclose(value, wanted, atol=1e-6, err_msg=f"{name} {key}")


def test_saved_model_detects_as_the_model_does(small_detector: SSD, tmp_path: Path) -> None:
    export_saved_model(small_detector, tmp_path / "saved_model")
    signatures = tf.saved_model.load(str(tmp_path / "saved_model")).signatures
    signature = signatures["serving_default"]
    spec = signature.structured_input_signature[1]["input_tensor"]
    assert spec.dtype == tf.uint8 and spec.shape.as_list() == [None, None, None, 3]
    for batch, height, width in ((1, 50, 70), (3, 120, 40)):
        images = tf.cast(
            tf.random.stateless_uniform([batch, height, width, 3], [1, 2], 0, 256, tf.int32), tf.uint8
        )
        found, wanted = signature(input_tensor=images), small_detector.detect(images)
        assert set(found) == set(wanted)
        for key, value in found.items():
            assert value.dtype == tf.float32
            np.testing.assert_allclose(value, wanted[key], atol=2e-5)

    for name in STRING_SIGNATURES:
        spec = signatures[name].structured_input_signature[1]["input_tensor"]
        assert spec.dtype == tf.string and spec.shape.as_list() == [None]
        assert set(signatures[name].structured_outputs) == set(signature.structured_outputs)
    images = [picture(*size) for size in SIZES]
    assert_served_alike(signatures, [tf.io.encode_png(image).numpy() for image in images], images)
    jpegs = [tf.io.encode_jpeg(image).numpy() for image in images]
    decoded = [tf.io.decode_image(jpeg, channels=3).numpy() for jpeg in jpegs]
    mixed = [*jpegs[:2], tf.io.encode_png(images[2]).numpy()]
    grey = picture(40, 50)[..., :1]
    of_three = np.repeat(grey, 3, axis=-1)
    mixed.append(tf.io.encode_png(grey).numpy())
    assert_served_alike(signatures, mixed, [*decoded[:2], images[2], of_three])


FASTER_RCNN = """model { faster_rcnn {
  num_classes: 2
  image_resizer { keep_aspect_ratio_resizer { min_dimension: 64 max_dimension: 96 } }
  feature_extractor { type: "faster_rcnn_resnet50" first_stage_features_stride: 16 }
  first_stage_anchor_generator { grid_anchor_generator {
    scales: [0.25, 0.5] aspect_ratios: [1.0] height_stride: 16 width_stride: 16 } }
  first_stage_box_predictor_conv_hyperparams {
    op: CONV regularizer { l2_regularizer { weight: 0.0 } }
    initializer { truncated_normal_initializer { stddev: 0.01 } } }
  first_stage_nms_score_threshold: 0.0
  first_stage_nms_iou_threshold: 0.7
  first_stage_max_proposals: 8
  first_stage_localization_loss_weight: 2.0
  first_stage_objectness_loss_weight: 1.0
  initial_crop_size: 14
  maxpool_kernel_size: 2
  maxpool_stride: 2
  second_stage_box_predictor { mask_rcnn_box_predictor {
    use_dropout: false
    fc_hyperparams { op: FC regularizer { l2_regularizer { weight: 0.0 } }
      initializer { variance_scaling_initializer { factor: 1.0 uniform: true mode: FAN_AVG } } } } }
  second_stage_post_processing {
    batch_non_max_suppression { score_threshold: 0.0 iou_threshold: 0.6
      max_detections_per_class: 5 max_total_detections: 5 }
    score_converter: SOFTMAX }
  second_stage_localization_loss_weight: 2.0
  second_stage_classification_loss_weight: 1.0
} }"""


@pytest.mark.slow
def test_images_that_keep_their_ratio_are_served_one_by_one(tmp_path: Path) -> None:
    model = build_detector(parse_pipeline_config(FASTER_RCNN, "tests").model)
    assert not model.has_one_input_size
    export_saved_model(model, tmp_path / "saved_model")
    signatures = tf.saved_model.load(str(tmp_path / "saved_model")).signatures
    outputs = signatures["serving_default"].structured_outputs
    for name in STRING_SIGNATURES:
        assert set(signatures[name].structured_outputs) == set(outputs)
    images = [picture(*size) for size in SIZES]
    assert_served_alike(signatures, [tf.io.encode_png(image).numpy() for image in images], images)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "left_out"),
    [
        ("ssdlite_mobiledet_cpu", set()),
        # its anchors are as many as the image's size gives
        ("ssd_mobilenet_v2_kept_ratio", {"raw_detection_boxes", "raw_detection_scores"}),
        ("mask_rcnn_inception_v2", set()),
    ],
)
def test_models_that_run_the_od_apis_code_are_served_alike(
    name: str, left_out: set[str], tmp_path: Path
) -> None:
    model = build_detector(parse_pipeline_config(SHIM_CONFIGS[name], "tests").model)
    assert model.no_native_model
    export_saved_model(model, tmp_path / "saved_model")
    signatures = tf.saved_model.load(str(tmp_path / "saved_model")).signatures
    outputs = set(signatures["serving_default"].structured_outputs)
    for signature in STRING_SIGNATURES:
        assert set(signatures[signature].structured_outputs) == outputs - left_out
    images = [picture(*size) for size in SIZES]
    served = signatures["serving_default"](input_tensor=images[0][np.newaxis])
    for key, value in model.detect(images[0][np.newaxis]).items():
        np.testing.assert_allclose(served[key], value, atol=1e-5, err_msg=key)
    assert_served_alike(signatures, [tf.io.encode_png(image).numpy() for image in images], images)
