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


def test_fully_connected_multiplies_adds_and_is_regularised() -> None:
    layer = FullyConnected(2, hyperparams=PLAIN, name="ClassPredictor")
    layer(tf.zeros([1, 3]))
    layer.kernel.assign([[1, 0], [0, 2], [0, 0]])
    layer.bias.assign([0.5, 0])
    np.testing.assert_allclose(layer(tf.constant([[1.0, 2, 3]])), [[1.5, 4]])
    np.testing.assert_allclose(layer.penalty(), 0.5 * 5 / 2)


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
