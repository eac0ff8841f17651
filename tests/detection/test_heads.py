from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from detection.heads import ConvolutionalBoxPredictor, PredictorParams
from detection.hyperparams import ConvHyperparams

PARAMS = PredictorParams(ConvHyperparams(), kernel_size=3)
FEATURES = tf.random.stateless_normal([2, 4, 5, 6], seed=[1, 2])


def predictor(params: PredictorParams) -> ConvolutionalBoxPredictor:
    return ConvolutionalBoxPredictor(3, params, input_depth=6, anchors_per_location=2, num_classes=3)


def scopes(layer: keras.layers.Layer) -> list[str]:
    layer(FEATURES)
    return [variable.path for variable in layer.variables if "BatchNorm" not in variable.path]


def test_shapes_and_names() -> None:
    layer = predictor(PARAMS)
    boxes, logits = layer(FEATURES)
    assert boxes.shape == (2, 40, 4) and logits.shape == (2, 40, 4)
    assert scopes(layer) == [
        "BoxPredictor_3/BoxEncodingPredictor/kernel",
        "BoxPredictor_3/BoxEncodingPredictor/bias",
        "BoxPredictor_3/ClassPredictor/kernel",
        "BoxPredictor_3/ClassPredictor/bias",
    ]


def test_depthwise_names() -> None:
    assert scopes(predictor(replace(PARAMS, use_depthwise=True)))[:3] == [
        "BoxPredictor_3/BoxEncodingPredictor_depthwise/depthwise_kernel",
        "BoxPredictor_3/BoxEncodingPredictor/kernel",
        "BoxPredictor_3/BoxEncodingPredictor/bias",
    ]


def test_layers_before_are_clamped_in_depth() -> None:
    params = replace(PARAMS, layers_before=2, min_depth=4, max_depth=5)
    assert scopes(predictor(params))[:2] == [
        "BoxPredictor_3/Conv2d_0_1x1_5/kernel",
        "BoxPredictor_3/Conv2d_1_1x1_5/kernel",
    ]
    assert "BoxPredictor_3/Conv2d_0_1x1_5/kernel" not in scopes(predictor(replace(PARAMS, layers_before=2)))


def test_cells_are_read_row_by_row() -> None:
    layer = predictor(replace(PARAMS, kernel_size=1))
    whole, _ = layer(FEATURES)
    one, _ = layer(FEATURES[:, 2:3, 3:4])
    np.testing.assert_allclose(whole[:, (2 * 5 + 3) * 2 :][:, :2], one, rtol=1e-5, atol=1e-6)


def test_class_bias_is_ignored_with_depthwise_as_in_the_od_api() -> None:
    for depthwise, wanted in ((False, -4.6), (True, 0.0)):
        layer = predictor(replace(PARAMS, use_depthwise=depthwise, class_bias_init=-4.6))
        layer(FEATURES)
        np.testing.assert_allclose(layer.class_head[-1].bias, np.full(8, wanted), rtol=1e-6)
        np.testing.assert_array_equal(layer.box_head[-1].bias, np.zeros(8))


def test_dropout_touches_only_the_classes_and_only_in_training() -> None:
    layer = predictor(replace(PARAMS, dropout_rate=0.9))
    boxes, logits = layer(FEATURES)
    trained_boxes, trained_logits = layer(FEATURES, training=True)
    np.testing.assert_array_equal(boxes, trained_boxes)
    assert np.abs(logits - trained_logits).max() > 0
    assert not [variable.path for variable in layer.variables if "seed" in variable.path]


def test_clip_range_and_sigmoid() -> None:
    boxes, logits = predictor(replace(PARAMS, box_clip_range=(-0.01, 0.01), apply_sigmoid_to_scores=True))(
        FEATURES
    )
    assert np.abs(boxes).max() <= 0.01
    assert logits.numpy().min() > 0 and logits.numpy().max() < 1


def test_predictions_are_float32_under_mixed_precision() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        boxes, logits = predictor(PARAMS)(FEATURES)
    finally:
        keras.config.set_dtype_policy("float32")
    assert boxes.dtype == logits.dtype == tf.float32
