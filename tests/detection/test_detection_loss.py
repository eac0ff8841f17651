from dataclasses import replace

import numpy as np
import tensorflow as tf

from detection import losses
from detection.box_coder import FasterRcnnBoxCoder
from detection.detection_loss import DetectionLoss
from detection.hard_example_miner import HardExampleMiner
from detection.matcher import ArgmaxMatcher
from detection.target_assigner import TargetAssigner

ANCHORS = tf.constant([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0], [0.0, 0.5, 0.5, 1.0]])
GROUNDTRUTH = {
    "boxes": tf.constant([[[0.0, 0.0, 0.5, 0.5]], [[0.5, 0.5, 1.0, 1.0]]]),
    "classes": tf.constant([[1], [1]]),
    "weights": tf.constant([[1.0], [1.0]]),
}
PREDICTIONS = {
    "box_encodings": tf.fill([2, 3, 4], 2.0),
    "class_predictions_with_background": tf.zeros([2, 3, 2]),
}
LOSS = DetectionLoss(
    target_assigner=TargetAssigner(ArgmaxMatcher(), FasterRcnnBoxCoder(), num_classes=1),
    localization=losses.smooth_l1,
    classification=losses.sigmoid_cross_entropy,
    localization_weight=1.0,
    classification_weight=1.0,
    miner=None,
    normalize_by_num_matches=True,
    normalize_boxes_by_code_size=False,
)


def values(loss: DetectionLoss, groundtruth: dict[str, tf.Tensor] = GROUNDTRUTH) -> list[float]:
    found = loss(ANCHORS, PREDICTIONS, groundtruth)
    return [float(found["localization_loss"]), float(found["classification_loss"])]


def test_sums_over_anchors_and_normalises_by_matches() -> None:
    # each of the two matched anchors is off by 2 in four codes; each of six anchors has two even logits
    np.testing.assert_allclose(values(LOSS), [4 * 1.5, 12 * np.log(2) / 2], rtol=1e-6)


def test_weights_and_normalisers() -> None:
    loss = replace(
        LOSS, localization_weight=2.0, classification_weight=0.5, normalize_boxes_by_code_size=True
    )
    np.testing.assert_allclose(values(loss), [2 * 1.5, 3 * np.log(2)], rtol=1e-6)
    plain = replace(LOSS, normalize_by_num_matches=False)
    np.testing.assert_allclose(values(plain), [2 * 4 * 1.5, 12 * np.log(2)], rtol=1e-6)


def test_parts_of_a_batch_add_up_to_it() -> None:
    miner = HardExampleMiner(None, 0.99, 1.0, 1, 1.0, 0.0)
    for loss in (LOSS, replace(LOSS, miner=miner), replace(LOSS, normalize_by_num_matches=False)):
        divisor, sums = tf.constant(0.0), np.zeros(2)
        parts = [{name: value[i : i + 1] for name, value in GROUNDTRUTH.items()} for i in range(2)]
        for part in parts:
            divisor += loss.divisor(ANCHORS, part)
        assert float(divisor) == (2.0 if loss.normalize_by_num_matches else 0.0)
        for index, part in enumerate(parts):
            predictions = {name: value[index : index + 1] for name, value in PREDICTIONS.items()}
            found = loss(ANCHORS, predictions, part, divisor)
            sums += [float(found["localization_loss"]), float(found["classification_loss"])]
        np.testing.assert_allclose(sums, values(loss), rtol=1e-6)


def test_an_image_without_boxes_has_a_finite_loss() -> None:
    empty = {key: tf.zeros_like(value) for key, value in GROUNDTRUTH.items()}
    np.testing.assert_allclose(values(LOSS, groundtruth=empty), [0.0, 12 * np.log(2)], rtol=1e-6)


def test_mined_anchors_alone_have_a_gradient() -> None:
    miner = HardExampleMiner(None, 0.99, 1.0, 0, 1.0, 0.0)
    loss = replace(LOSS, miner=miner)
    logits = tf.constant([[[0.0, 0.0], [0.0, 3.0], [0.0, -9.0]], [[0.0, 5.0], [0.0, 0.0], [0.0, -9.0]]])
    encodings = tf.zeros([2, 3, 4])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        predictions = {"box_encodings": encodings, "class_predictions_with_background": logits}
        total = loss(ANCHORS, predictions, GROUNDTRUTH)["classification_loss"]
    gradient = np.abs(tape.gradient(total, logits).numpy()).sum(axis=-1)
    np.testing.assert_array_equal(gradient > 0, [[True, True, False], [True, True, False]])


def test_one_trace_serves_every_batch_size() -> None:
    traces = []

    @tf.function(reduce_retracing=True)
    def run(encodings: tf.Tensor, logits: tf.Tensor, groundtruth: dict[str, tf.Tensor]) -> tf.Tensor:
        traces.append(1)
        predictions = {"box_encodings": encodings, "class_predictions_with_background": logits}
        return LOSS(ANCHORS, predictions, groundtruth)["classification_loss"]

    signature = (
        tf.TensorSpec([None, 3, 4]),
        tf.TensorSpec([None, 3, 2]),
        {
            "boxes": tf.TensorSpec([None, None, 4]),
            "classes": tf.TensorSpec([None, None], tf.int32),
            "weights": tf.TensorSpec([None, None]),
        },
    )
    concrete = run.get_concrete_function(*signature)
    both = concrete(
        PREDICTIONS["box_encodings"], PREDICTIONS["class_predictions_with_background"], GROUNDTRUTH
    )
    one = concrete(
        PREDICTIONS["box_encodings"][:1],
        PREDICTIONS["class_predictions_with_background"][:1],
        {key: value[:1] for key, value in GROUNDTRUTH.items()},
    )
    np.testing.assert_allclose(both, one, rtol=1e-6)
    assert len(traces) == 1
