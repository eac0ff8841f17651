from dataclasses import replace

import numpy as np
import tensorflow as tf

from detection.box_coder import FasterRcnnBoxCoder
from detection.hyperparams import ConvHyperparams
from detection.nms import MulticlassNms
from detection.second_stage import (
    FullyConnected,
    SecondStageBoxPredictor,
    SecondStageParams,
    SecondStagePostprocessor,
    crop_features,
)

PLAIN = ConvHyperparams(batch_norm=None, activation=None, l2=0.5)
PARAMS = SecondStageParams(PLAIN, crop_size=4, pool_size=2, pool_stride=2)
# samples as they are
CROPPED = SecondStageParams(PLAIN, crop_size=5, pool_size=1, pool_stride=1)


def test_fully_connected_multiplies_adds_and_is_regularised() -> None:
    layer = FullyConnected(2, hyperparams=PLAIN, name="ClassPredictor")
    layer(tf.zeros([1, 3]))
    layer.kernel.assign([[1, 0], [0, 2], [0, 0]])
    layer.bias.assign([0.5, 0])
    np.testing.assert_allclose(layer(tf.constant([[1.0, 2, 3]])), [[1.5, 4]])
    np.testing.assert_allclose(layer.penalty(), 0.5 * 5 / 2)


def test_crops_fade_over_the_cell_outside_the_map_where_they_should() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=[2, 6, 9, 3]).astype(np.float32)
    low = random.uniform(-0.2, 0.8, [2, 7, 2])
    boxes = np.concatenate([low, low + random.uniform(0.05, 0.6, [2, 7, 2])], axis=-1).astype(np.float32)
    boxes[:, 0] = [0, 0, 1, 1]
    boxes[:, 1] = np.nextafter(np.float32([0, 0, 1, 1]), np.float32([-1, -1, 2, 2]))  # a rounding outside
    # bilinear sampling is a sum over all cells, by how near each is
    at = np.linspace(boxes[..., :2], boxes[..., 2:], 5, axis=2) * [5, 8]  # [B, P, 5, 2] cells
    rows, columns = (
        np.maximum(0, 1 - np.abs(at[..., axis, np.newaxis] - np.arange(size)))
        for axis, size in ((0, 6), (1, 9))
    )
    wanted = np.einsum("bpyh,bhwd,bpxw->bpyxd", rows, features, columns)
    fading = crop_features(tf.constant(features), tf.constant(boxes), replace(CROPPED, fades_at_border=True))
    np.testing.assert_allclose(tf.reshape(fading, wanted.shape), wanted, atol=1e-5)

    sharp = tf.reshape(crop_features(tf.constant(features), tf.constant(boxes), CROPPED), wanted.shape)
    inside = ((at >= 0) & (at <= [5, 8]))[..., np.newaxis]
    inside = inside[:, :, :, np.newaxis, 0] & inside[:, :, np.newaxis, :, 1]
    inside[:, 1] = False  # which side of the border a rounding falls on is the operation's own affair
    np.testing.assert_allclose(np.where(inside, sharp, 0), np.where(inside, wanted, 0), atol=1e-5)
    corner = (slice(None), 1, -1, -1)
    assert np.abs(wanted[corner]).max() > 0.1 and np.abs(sharp[corner]).max() == 0


def test_crops_are_pooled_in_the_order_of_images_then_proposals() -> None:
    features = tf.reshape(tf.constant([1.0, 2.0]), [2, 1, 1, 1]) * tf.ones([2, 8, 8, 3])
    boxes = tf.constant([[[0, 0, 1, 1], [0, 0, 0.5, 0.5], [0.1, 0.1, 0.9, 0.9]]] * 2, tf.float32)
    crops = crop_features(features, boxes, PARAMS)
    assert crops.shape == (6, 2, 2, 3)
    np.testing.assert_allclose(crops[:, 0, 0, 0], [1, 1, 1, 2, 2, 2], rtol=1e-6)


def test_box_predictor_has_a_box_for_each_class_or_one() -> None:
    features = tf.ones([5, 2, 2, 8])
    encodings, logits = SecondStageBoxPredictor(PARAMS, num_classes=3)(features)
    assert encodings.shape == (5, 3, 4) and logits.shape == (5, 4)
    shared = SecondStageParams(PLAIN, 4, 2, 2, share_box_across_classes=True)
    encodings, logits = SecondStageBoxPredictor(shared, num_classes=3)(features)
    assert encodings.shape == (5, 1, 4) and logits.shape == (5, 4)


def test_postprocessing_takes_each_classs_own_box_and_no_padding() -> None:
    move_down = [[0, 0, 0, 0], [5.0, 0, 0, 0]]
    predictions = {
        "image_size": tf.constant([100, 200]),
        "proposal_boxes": tf.constant([[[10, 20, 30, 60], [0, 0, 0, 0]]], tf.float32),
        "num_proposals": tf.constant([1]),
        "refined_box_encodings": tf.constant([move_down, move_down]),
        "class_predictions_with_background": tf.constant([[0, 1, 2], [0, 9, 9]], tf.float32),
    }
    found = SecondStagePostprocessor(FasterRcnnBoxCoder(), MulticlassNms(0.1, 0.6, 2, 3))(predictions)
    np.testing.assert_array_equal(found["num_detections"], [2])
    np.testing.assert_array_equal(found["detection_classes"], [[2, 1, 1]])
    np.testing.assert_allclose(
        found["detection_boxes"][0, :2], [[0.2, 0.1, 0.4, 0.3], [0.1, 0.1, 0.3, 0.3]], atol=1e-6
    )
    np.testing.assert_allclose(found["raw_detection_boxes"][0, 0], [0.2, 0.1, 0.4, 0.3], atol=1e-6)
    np.testing.assert_allclose(
        tf.reduce_sum(found["detection_multiclass_scores"], -1), [[1, 1, 0]], rtol=1e-6
    )
