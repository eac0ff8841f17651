from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from detection.errors import BadInput
from detection.heads_weight_shared import WeightSharedBoxPredictor, WeightSharedParams
from detection.hyperparams import ConvHyperparams

PARAMS = WeightSharedParams(ConvHyperparams(), depth=5, num_layers=2)
MAPS = [tf.random.stateless_normal([2, size, size, 6], [size, 1]) for size in (4, 2)]
OTHER_DEPTH = [MAPS[0], MAPS[1], tf.ones([2, 1, 1, 8])]
SCOPE = "WeightSharedConvolutionalBoxPredictor"


def built(params: WeightSharedParams, maps: list[tf.Tensor] = MAPS) -> WeightSharedBoxPredictor:
    predictor = WeightSharedBoxPredictor(params)
    predictor.build(maps, [3] * len(maps), 2)
    return predictor


def paths(predictor: WeightSharedBoxPredictor) -> list[str]:
    return [
        variable.path.removeprefix(f"{SCOPE}/")
        for layer in predictor.layers
        for variable in layer.variables
        if not variable.path.endswith(("beta", "moving_mean", "moving_variance"))
    ]


def test_shapes_and_order() -> None:
    predictor = built(PARAMS)
    boxes, logits = predictor(MAPS, training=False, train_batch_norm=False)
    assert boxes.shape == (2, (16 + 4) * 3, 4) and logits.shape == (2, (16 + 4) * 3, 3)
    assert boxes.dtype == logits.dtype == tf.float32


def test_names_with_a_batch_norm_for_each_map() -> None:
    tower = [
        "conv2d_0/BatchNorm/feature_0/gamma",
        "conv2d_0/BatchNorm/feature_1/gamma",
        "conv2d_0/kernel",
        "conv2d_1/BatchNorm/feature_0/gamma",
        "conv2d_1/BatchNorm/feature_1/gamma",
        "conv2d_1/kernel",
    ]
    heads = [f"{head}/{leaf}" for head in ("BoxPredictor", "ClassPredictor") for leaf in ("bias", "kernel")]
    towers = [f"{name}/{leaf}" for name in ("BoxPredictionTower", "ClassPredictionTower") for leaf in tower]
    assert sorted(paths(built(PARAMS))) == sorted(towers + heads)
    shared = paths(built(replace(PARAMS, share_tower=True)))
    assert sorted(shared) == sorted([f"PredictionTower/{leaf}" for leaf in tower] + heads)


def test_without_batch_norm_convolutions_have_a_bias() -> None:
    found = paths(built(replace(PARAMS, hyperparams=ConvHyperparams(batch_norm=None))))
    assert "BoxPredictionTower/conv2d_0/bias" in found
    assert not any("BatchNorm" in path for path in found)


def test_depthwise_is_separable_and_keeps_the_class_bias() -> None:
    predictor = built(replace(PARAMS, use_depthwise=True, class_bias_init=-4.6))
    found = paths(predictor)
    assert "ClassPredictor/depthwise_kernel" in found and "ClassPredictor/pointwise_kernel" in found
    assert "BoxPredictionTower/conv2d_1/pointwise_kernel" in found
    head = predictor.layers[0]
    np.testing.assert_allclose(head.class_head.bias, np.full(9, -4.6), rtol=1e-6)
    np.testing.assert_array_equal(head.box_head.bias, np.zeros(12))


def test_maps_of_other_depths_are_projected_to_the_most_frequent() -> None:
    predictor = built(PARAMS, OTHER_DEPTH)
    found = paths(predictor)
    assert [path for path in found if path.startswith("ProjectionLayer") and "kernel" in path] == [
        f"ProjectionLayer/conv2d_{index}/kernel" for index in range(3)
    ]
    assert "ProjectionLayer/conv2d_2/BatchNorm/gamma" in found
    kernels = {v.path: v for v in predictor.layers[0].variables}
    assert kernels[f"{SCOPE}/BoxPredictionTower/conv2d_0/kernel"].shape == (3, 3, 6, 5)
    assert not any("ProjectionLayer" in path for path in paths(built(PARAMS)))


def test_only_the_batch_norm_of_the_map_matters() -> None:
    predictor = built(PARAMS)
    before, _ = predictor(MAPS, training=False, train_batch_norm=False)
    for variable in predictor.layers[0].variables:
        if "feature_1/beta" in variable.path:
            variable.assign(variable + 1.0)
    after, _ = predictor(MAPS, training=False, train_batch_norm=False)
    np.testing.assert_array_equal(after[:, :48], before[:, :48])
    assert (np.abs(after[:, 48:] - before[:, 48:]) > 0).any()


def test_training_moves_each_maps_statistics_to_its_own() -> None:
    predictor = built(PARAMS)
    predictor([MAPS[0], 5.0 + MAPS[1]], training=True, train_batch_norm=True)
    means = {v.path: v.numpy() for v in predictor.layers[0].variables if v.path.endswith("moving_mean")}
    tower = f"{SCOPE}/BoxPredictionTower/conv2d_0/BatchNorm"
    assert np.abs(means[f"{tower}/feature_0/moving_mean"]).max() > 0
    assert np.abs(means[f"{tower}/feature_1/moving_mean"] - means[f"{tower}/feature_0/moving_mean"]).max() > 0


def test_score_converter_and_clipping() -> None:
    params = replace(PARAMS, sigmoid_scores=True, box_clip_range=(-0.01, 0.01))
    predictor = built(params)
    boxes, scores = predictor(MAPS, training=False, train_batch_norm=False)
    _, logits = predictor(MAPS, training=True, train_batch_norm=False)
    np.testing.assert_allclose(scores, tf.sigmoid(logits), rtol=1e-5)  # the loss wants logits
    assert np.abs(boxes).max() <= np.float32(0.01)


def test_dropout_is_of_the_classes_alone_and_of_training() -> None:
    predictor = built(replace(PARAMS, dropout_rate=0.9))
    boxes, logits = predictor(MAPS, training=False, train_batch_norm=False)
    dropped_boxes, dropped = predictor(MAPS, training=True, train_batch_norm=False)
    np.testing.assert_array_equal(dropped_boxes, boxes)
    assert (np.abs(dropped - logits) > 0).any()


def test_maps_need_the_same_number_of_anchors() -> None:
    with pytest.raises(BadInput, match="3, 6 anchors in a cell"):
        WeightSharedBoxPredictor(PARAMS).build(MAPS, [3, 6], 2)
