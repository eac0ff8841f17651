from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from detection.builder import build_native
from detection.config.pipeline_config import parse_pipeline_config
from detection.errors import BadInput, NoNativeModel
from detection.extractors.faster_rcnn_inception_v2 import faster_rcnn_inception_v2
from detection.faster_rcnn import FasterRCNN
from detection.faster_rcnn_builder import build_faster_rcnn
from detection.weights import read_weights, write_weights
from tests.parity.od_api_configs import faster_rcnn

GROUNDTRUTH = {
    "boxes": tf.constant(
        [[[0.1, 0.1, 0.6, 0.5], [0, 0, 0, 0]], [[0.3, 0.4, 0.9, 0.8], [0.1, 0.1, 0.4, 0.4]]]
    ),
    "classes": tf.constant([[1, 0], [3, 2]]),
    "weights": tf.constant([[1.0, 0.0], [1.0, 1.0]]),
}


def config_of(text: str) -> Any:
    return parse_pipeline_config(text, "test").model.faster_rcnn


def small(options: str = "", **sizes: int) -> FasterRCNN:
    config = config_of(faster_rcnn("faster_rcnn_inception_v2", options))
    for field, size in sizes.items():
        setattr(config, field, size)
    return build_faster_rcnn(config, extractor=faster_rcnn_inception_v2(config.feature_extractor, 0.1))


@pytest.fixture(scope="module")
def model() -> FasterRCNN:
    return small()


def test_variables_are_in_tf1s_scopes(model: FasterRCNN) -> None:
    paths = {variable.path for variable in model.weights}
    assert len(paths) == len(model.weights)
    assert {
        "faster_rcnn/Conv/kernel",
        "faster_rcnn/FirstStageBoxPredictor/ClassPredictor/bias",
        "faster_rcnn/FirstStageFeatureExtractor/InceptionV2/Conv2d_1a_7x7/pointwise_kernel",
        "faster_rcnn/SecondStageFeatureExtractor/InceptionV2/Mixed_5c/Branch_0/Conv2d_0a_1x1/kernel",
        "faster_rcnn/SecondStageBoxPredictor/BoxEncodingPredictor/kernel",
    } <= paths


def test_detects_in_images_of_any_size_and_keeps_their_aspect_ratio(model: FasterRCNN) -> None:
    assert not model.has_one_input_size
    assert model.preprocess(tf.zeros([1, 60, 100, 3], tf.uint8)).shape == (1, 120, 200, 3)
    assert model.preprocess(tf.zeros([1, 100, 50, 3], tf.uint8)).shape == (1, 200, 100, 3)
    detect = tf.function(
        model.detect, input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, name="images")]
    )
    for size in ((2, 60, 100, 3), (1, 90, 70, 3)):
        images = np.random.default_rng(0).integers(0, 255, size).astype(np.uint8)
        found = detect(images)
        assert found["detection_boxes"].shape == (size[0], 30, 4)
        assert found["raw_detection_scores"].shape == (size[0], 30, 4)
        alone = model.detect(tf.constant(images[-1:]))
        np.testing.assert_allclose(found["detection_scores"][-1:], alone["detection_scores"], atol=1e-4)


def test_every_stage_has_a_loss_and_a_gradient(model: FasterRCNN) -> None:
    images = tf.random.stateless_uniform([2, 120, 160, 3], [1, 2], -1, 1)
    with tf.GradientTape() as tape:
        losses = model.compute_losses(images, GROUNDTRUTH, training=True)
        total = tf.add_n(list(losses.values()))
    assert set(losses) == {
        "rpn_localization_loss",
        "rpn_objectness_loss",
        "localization_loss",
        "classification_loss",
    }
    assert all(np.isfinite(loss) for loss in losses.values())
    assert losses["rpn_objectness_loss"] > 0 and losses["classification_loss"] > 0
    gradients = tape.gradient(total, model.trainable_variables)
    assert all(gradient is not None for gradient in gradients)
    again = model.compute_losses(images, GROUNDTRUTH, training=True)
    assert all(float(again[name]) == float(losses[name]) for name in losses)
    evaluated = model.compute_losses(images, GROUNDTRUTH, training=False)
    assert all(np.isfinite(loss) for loss in evaluated.values())
    assert model.regularization_loss() > 0


def test_parts_of_a_batch_are_sampled_alike_and_add_up_to_it() -> None:
    model = small(first_stage_minibatch_size=8, second_stage_batch_size=4)
    images = tf.random.stateless_uniform([2, 120, 160, 3], [1, 2], -1, 1)
    whole = model.compute_losses(images, GROUNDTRUTH, training=True, draw=5)
    divisor = model.loss_divisor(GROUNDTRUTH)
    sums = dict.fromkeys(whole, 0.0)
    for index in range(2):
        part = slice(index, index + 1)
        groundtruth = {name: value[part] for name, value in GROUNDTRUTH.items()}
        losses = model.compute_losses(images[part], groundtruth, training=True, divisor=divisor, draw=5)
        sums = {name: sums[name] + float(loss) for name, loss in losses.items()}
    for name, loss in whole.items():
        np.testing.assert_allclose(sums[name], loss, rtol=1e-5, err_msg=name)
    other = model.compute_losses(images, GROUNDTRUTH, training=True, draw=6)
    assert float(other["rpn_objectness_loss"]) != float(whole["rpn_objectness_loss"])


def test_images_without_objects_have_finite_losses(model: FasterRCNN) -> None:
    nothing = {name: tf.zeros_like(value) for name, value in GROUNDTRUTH.items()}
    losses = model.compute_losses(tf.zeros([2, 120, 160, 3]), nothing, training=True)
    assert all(np.isfinite(loss) for loss in losses.values())
    assert float(losses["localization_loss"]) == float(losses["rpn_localization_loss"]) == 0


def test_a_miner_looks_at_all_proposals_and_leaves_the_easy_ones_out_of_the_loss(model: FasterRCNN) -> None:
    images = tf.random.stateless_uniform([2, 120, 160, 3], [1, 2], -1, 1)
    miner = "hard_example_miner { loss_type: CLASSIFICATION }"
    config = config_of(faster_rcnn("faster_rcnn_inception_v2", rpn=miner))
    extractor = faster_rcnn_inception_v2(config.feature_extractor, 0.1)
    losses = []
    for number, iou_threshold in ((0, 1.0), (3, 1.0), (3, 0.0)):
        config.hard_example_miner.num_hard_examples = number
        config.hard_example_miner.iou_threshold = iou_threshold
        mining = build_faster_rcnn(config, extractor=extractor)
        for mine, theirs in zip(mining.weights, model.weights, strict=True):
            mine.assign(theirs.value)
        losses.append(mining.compute_losses(images, GROUNDTRUTH, training=True))
    every, three, apart = (float(found["classification_loss"]) for found in losses)
    # the hardest three of all 30 proposals of an image, whose fresh class losses are much alike: of a sample
    # of 16 they would be more
    assert 3 / 30 <= three / every < 3 / 16
    assert 0 < apart <= three  # where no two may touch, some easier ones are among them


def test_batch_norm_moves_only_where_the_config_trains_it(model: FasterRCNN) -> None:
    images = tf.random.stateless_uniform([2, 120, 160, 3], [1, 2], -1, 1)

    def moved(detector: FasterRCNN) -> bool:
        before = [variable.numpy() for variable in detector.non_trainable_variables]
        detector.compute_losses(images, GROUNDTRUTH, training=True)
        after = [variable.numpy() for variable in detector.non_trainable_variables]
        return any((first != second).any() for first, second in zip(before, after, strict=True))

    assert not moved(model)
    trainable = small("batch_norm_trainable: true")
    assert moved(trainable)
    trainable.freeze_batch_norm = True
    assert not moved(trainable)


def test_weights_survive_a_checkpoint(model: FasterRCNN, tmp_path: Any) -> None:
    write_weights(model, tmp_path / "ckpt-1")
    other = small()
    read_weights(other, tmp_path / "ckpt-1")
    for first, second in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("num_classes: 3", "num_classes: 0", "num_classes"),
        ("num_classes: 3", "num_classes: 3 number_of_stages: 3", "number_of_stages"),
        ("min_dimension: 120", "min_dimension: 120 pad_to_max_dimension: true", "pad_to_max_dimension"),
        ("op: FC", "op: FC batch_norm { }", "batch_norm"),
        ("initial_crop_size: 14", "", "initial_crop_size"),
        ("mask_rcnn_box_predictor {", "mask_rcnn_box_predictor { predict_instance_masks: true", "masks"),
        ("scales: [0.5, 1, 2]", "", "grid_anchor_generator"),
    ],
)
def test_refuses_what_has_no_native_model(old: str, new: str, where: str) -> None:
    text = faster_rcnn("faster_rcnn_inception_v2")
    assert old in text
    with pytest.raises(BadInput) as refused:
        build_faster_rcnn(config_of(text.replace(old, new)))
    assert where in refused.value.where


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("mask_rcnn_box_predictor {", "mask_rcnn_box_predictor { predict_instance_masks: true", "Mask R-CNN"),
        ("num_classes: 3", "num_classes: 3 number_of_stages: 3", "Mask R-CNN"),
        ("num_classes: 3", "num_classes: 3 context_config { }", "Context R-CNN"),
        ("num_classes: 3", "num_classes: 3", "R-FCN"),
    ],
)
def test_refuses_a_relative_and_names_the_nearest(old: str, new: str, name: str) -> None:
    config = config_of(faster_rcnn("faster_rcnn_inception_v2").replace(old, new))
    if name == "R-FCN":
        config.second_stage_box_predictor.rfcn_box_predictor.crop_height = 9
    with pytest.raises(BadInput, match=f"^{name} has no native model") as refused:
        build_faster_rcnn(config)
    assert "faster_rcnn_inception_v2 as a plain Faster R-CNN" in refused.value.fix


def test_an_extractor_without_a_native_model_is_refused() -> None:
    model_config = parse_pipeline_config(faster_rcnn("faster_rcnn_nas"), "test").model
    with pytest.raises(NoNativeModel, match="faster_rcnn_nas"):
        build_native(model_config)
