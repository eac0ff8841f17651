import numpy as np
import pytest
import tensorflow as tf

from detection.box_coder import FasterRcnnBoxCoder
from detection.nms import MulticlassNms
from detection.postprocess import Postprocessor

ANCHORS = tf.constant([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]])
PREDICTIONS = {
    "box_encodings": tf.zeros([1, 2, 4]),
    "class_predictions_with_background": tf.constant([[[0.0, 2.0, -5.0], [0.0, -5.0, 1.0]]]),
}


def run(converter: str, logit_scale: float = 1.0) -> dict[str, tf.Tensor]:
    return Postprocessor(FasterRcnnBoxCoder(), MulticlassNms(0.1, 0.6, 3, 3), converter, logit_scale)(
        ANCHORS, PREDICTIONS
    )


def test_detections_are_sorted_labelled_from_one_and_padded() -> None:
    found = run("SIGMOID")
    np.testing.assert_allclose(found["detection_scores"], [[0.880797, 0.7310586, 0]], rtol=1e-6)
    np.testing.assert_array_equal(found["detection_classes"], [[1, 2, 1]])
    np.testing.assert_allclose(
        found["detection_boxes"][0], [[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1], [0, 0, 0, 0]]
    )
    np.testing.assert_array_equal(found["num_detections"], [2])
    np.testing.assert_allclose(found["detection_multiclass_scores"][0, 0], tf.sigmoid([0.0, 2.0, -5.0]))
    np.testing.assert_array_equal(found["detection_multiclass_scores"][0, 2], [0, 0, 0])
    assert all(value.dtype == tf.float32 for value in found.values())


def test_score_converters_and_logit_scale() -> None:
    logits = PREDICTIONS["class_predictions_with_background"]
    np.testing.assert_array_equal(run("IDENTITY")["raw_detection_scores"], logits)
    np.testing.assert_allclose(run("SOFTMAX")["raw_detection_scores"], tf.nn.softmax(logits), rtol=1e-6)
    np.testing.assert_allclose(run("SIGMOID", 4.0)["raw_detection_scores"], tf.sigmoid(logits / 4), rtol=1e-6)


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_half_precision_predictions_give_float32_detections(dtype: tf.DType) -> None:
    predictions = {key: tf.cast(value, dtype) for key, value in PREDICTIONS.items()}
    found = Postprocessor(FasterRcnnBoxCoder(), MulticlassNms(0.1, 0.6, 3, 3))(ANCHORS, predictions)
    assert found["detection_boxes"].dtype == tf.float32
    np.testing.assert_allclose(found["detection_scores"][0, 0], 0.880797, rtol=1e-6)
