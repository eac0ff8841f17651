from __future__ import annotations

import math

import numpy as np
import pytest
from google.protobuf import text_format

from components.checkpoint_converter.class_head import carry_rows, class_ids, prior_bias
from components.checkpoint_converter.class_rows import match_classes
from detection.config import protos
from detection.config.label_map import LabelMap, LabelMapItem

OLD, NEW = (
    LabelMap(tuple(LabelMapItem(i, name, name) for i, name in enumerate(names, start=1)))
    for names in (("cat", "dog"), ("dog", "fish", "cat"))
)
HEAD = match_classes(OLD, NEW, 2, 3)


def numbered(*shape: int) -> np.ndarray:
    return np.arange(1, 1 + math.prod(shape), dtype=np.float32).reshape(shape)


@pytest.mark.parametrize(
    "name",
    [
        "BoxPredictor_3/ClassPredictor/weights",
        "WeightSharedConvolutionalBoxPredictor/ClassPredictor/weights",
        "WeightSharedConvolutionalBoxPredictor/ClassPredictor/pointwise_weights",
    ],
)
def test_kernels_of_every_anchor(name):
    """[k, k, in, anchors * (classes + 1)]: the classes are innermost."""
    old, fresh = numbered(3, 3, 5, 6 * 3), -numbered(3, 3, 5, 6 * 4)
    value = carry_rows(name, old, fresh, HEAD, prior_bias=None)
    rows, before, initial = (
        value.reshape(3, 3, 5, 6, 4),
        old.reshape(3, 3, 5, 6, 3),
        fresh.reshape(3, 3, 5, 6, 4),
    )
    np.testing.assert_array_equal(rows[..., 0], before[..., 0])
    np.testing.assert_array_equal(rows[..., 1], before[..., 2])  # dog
    np.testing.assert_array_equal(rows[..., 2], initial[..., 2])  # fish
    np.testing.assert_array_equal(rows[..., 3], before[..., 1])  # cat
    assert fresh[0, 0, 0, 0] == -1, "the model's own array is left alone"


def test_biases_start_new_classes_from_the_prior():
    name = "BoxPredictor_0/ClassPredictor/biases"
    value = carry_rows(name, numbered(2 * 3), np.zeros(2 * 4, np.float32), HEAD, prior_bias=-4.6)
    np.testing.assert_allclose(value.reshape(2, 4), [[1, 3, -4.6, 2], [4, 6, -4.6, 5]], rtol=1e-6)


def test_second_stage_scores_and_boxes():
    scores = carry_rows(
        "SecondStageBoxPredictor/ClassPredictor/weights", numbered(7, 3), -numbered(7, 4), HEAD, None
    )
    np.testing.assert_array_equal(scores[0], [1, 3, -3, 2])
    boxes = carry_rows(
        "SecondStageBoxPredictor/BoxEncodingPredictor/biases", numbered(8), -numbered(12), HEAD, -4.6
    )
    np.testing.assert_array_equal(boxes, [5, 6, 7, 8, -5, -6, -7, -8, 1, 2, 3, 4])


def test_whose_an_entry_is():
    scores = class_ids("BoxPredictor_3/ClassPredictor/weights", 2 * 4, HEAD)
    np.testing.assert_array_equal(scores, [0, 1, 2, 3] * 2)
    boxes = class_ids("SecondStageBoxPredictor/BoxEncodingPredictor/biases", 12, HEAD)
    np.testing.assert_array_equal(boxes, [1] * 4 + [2] * 4 + [3] * 4)
    bins = class_ids("SecondStageBoxPredictor/class_predictions/weights", 9 * 4, HEAD)
    np.testing.assert_array_equal(bins, [0, 1, 2, 3] * 9)
    masks = "SecondStageBoxPredictor/Conv_4/weights"
    np.testing.assert_array_equal(class_ids(masks, 3, HEAD), [1, 2, 3])
    assert class_ids(masks, 6, HEAD) is None


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("BoxPredictor_0/ClassPredictor_depthwise/depthwise_weights", (3, 3, 8, 1)),
        ("WeightSharedConvolutionalBoxPredictor/ClassPredictor/depthwise_weights", (3, 3, 8, 1)),
        ("BoxPredictor_0/BoxEncodingPredictor/biases", (12,)),
        ("FirstStageBoxPredictor/ClassPredictor/biases", (24,)),
        ("SecondStageBoxPredictor/BoxEncodingPredictor/biases", (4,)),  # shared by all classes
    ],
)
def test_variables_without_an_axis_of_classes(name, shape):
    assert carry_rows(name, numbered(*shape), numbered(*shape), HEAD, -4.6) is None
    assert class_ids(name, shape[-1], HEAD) is None


def test_another_number_of_anchors_does_not_fit():
    name = "BoxPredictor_0/ClassPredictor/biases"
    assert carry_rows(name, numbered(6 * 3), numbered(3 * 4), HEAD, None) is None


@pytest.mark.parametrize(
    ("text", "bias"),
    [
        ("ssd { loss { classification_loss { weighted_sigmoid { } } } }", math.log(0.01 / 0.99)),
        ("ssd { loss { classification_loss { weighted_sigmoid_focal { } } } }", math.log(0.01 / 0.99)),
        ("ssd { loss { classification_loss { weighted_softmax { } } } }", None),
        ("faster_rcnn { }", None),
    ],
)
def test_prior_bias(text, bias):
    predictor = "box_predictor { convolutional_box_predictor { } }" if text.startswith("ssd") else ""
    config = text_format.Parse(text.removesuffix("}") + predictor + "}", protos.DetectionModel())
    assert prior_bias(config) == bias


def test_prior_bias_of_the_config():
    text = """ssd {
      loss { classification_loss { weighted_sigmoid_focal { } } }
      box_predictor { weight_shared_convolutional_box_predictor { class_prediction_bias_init: -3.5 } }
    }"""
    assert prior_bias(text_format.Parse(text, protos.DetectionModel())) == -3.5


def test_position_sensitive_maps_have_a_group_a_bin():
    scope = "SecondStageBoxPredictor"
    scores = carry_rows(f"{scope}/class_predictions/biases", numbered(9 * 3), -numbered(9 * 4), HEAD, None)
    np.testing.assert_array_equal(scores.reshape(9, 4)[1], [4, 6, -7, 5])
    boxes = carry_rows(
        f"{scope}/refined_locations/biases", numbered(9 * 2 * 4), -numbered(9 * 3 * 4), HEAD, None
    )
    np.testing.assert_array_equal(boxes.reshape(9, 3, 4)[0, :, 0], [5, -5, 1])


def test_only_the_last_convolution_of_the_mask_head_has_classes():
    scope = "SecondStageBoxPredictor"
    masks = carry_rows(f"{scope}/Conv_1/weights", numbered(3, 3, 6, 2), -numbered(3, 3, 6, 3), HEAD, None)
    np.testing.assert_array_equal(masks[0, 0, 0], [2, -2, 1])
    assert (
        carry_rows(f"{scope}/Conv/weights", numbered(3, 3, 5, 6), -numbered(3, 3, 5, 6), HEAD, None) is None
    )
