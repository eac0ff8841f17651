"""What a Context R-CNN remembers of the camera's other images: its shape, and how records hold it.

Source: the Object Detection API's inputs.py, tf_example_decoder.py and context_rcnn_lib.py.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

Tensors = dict[str, tf.Tensor]
FEATURES = "context_features"
VALID = "valid_context_size"
# As the OD API's exporter and its detectors name the two.
SIDE_INPUTS = (FEATURES, VALID)
RECORD_FEATURES = {
    "image/context_features": tf.io.RaggedFeature(tf.float32),
    "image/context_feature_length": tf.io.FixedLenFeature([], tf.int64, default_value=0),
}


class ContextShape(NamedTuple):
    """`size` rows of `length` values."""

    size: int
    length: int


def context_shape(model_config: Any) -> ContextShape | None:
    """The memory of a DetectionModel proto; None if it is no Context R-CNN."""
    if model_config.WhichOneof("model") != "faster_rcnn":
        return None
    faster_rcnn = model_config.faster_rcnn
    is_rfcn = faster_rcnn.second_stage_box_predictor.HasField("rfcn_box_predictor")
    if is_rfcn or not faster_rcnn.HasField("context_config"):  # the OD API's builder asks in this order
        return None
    config = faster_rcnn.context_config
    return ContextShape(config.max_num_context_features, config.context_feature_length)


def empty_context(shape: ContextShape, batch_size: int | tf.Tensor) -> Tensors:
    """The memory of images that nothing is remembered of: no row is valid.

    TF1 computes the same from any number of rows of which none is valid: what they hold is not read.
    """
    return {FEATURES: tf.zeros([batch_size, *shape]), VALID: tf.zeros([batch_size], tf.int32)}


def side_inputs(tensors: Tensors) -> Tensors:
    """Those of SIDE_INPUTS that `tensors` has."""
    return {name: tensors[name] for name in SIDE_INPUTS if name in tensors}


def context_specs(shape: ContextShape, *batch: int | None) -> dict[str, tf.TensorSpec]:
    """Of a memory with these dimensions before its own."""
    return {
        FEATURES: tf.TensorSpec([*batch, *shape], tf.float32, name=FEATURES),
        VALID: tf.TensorSpec(batch, tf.int32, name=VALID),
    }


def context_of(features: dict[str, Any], shape: ContextShape) -> Tensors:
    """The memory in one parsed Example, as SIDE_INPUTS without a batch: float32 `[size, length]`, int32 `[]`.

    Rows beyond `size` are left out, as the OD API does; an Example without context has an empty memory.
    Raises InvalidArgumentError, when it is run, where the rows have another length.
    """
    values, length = features["image/context_features"], features["image/context_feature_length"]
    fits = tf.debugging.Assert(
        tf.logical_or(tf.equal(length, shape.length), tf.equal(tf.size(values), 0)),
        ["image/context_feature_length is not the model's context_feature_length:", length, shape.length],
    )
    with tf.control_dependencies([fits]):
        rows = tf.reshape(values, [-1, shape.length])[: shape.size]
    count = tf.shape(rows)[0]
    padded = tf.pad(rows, [[0, shape.size - count], [0, 0]])
    return {FEATURES: tf.ensure_shape(padded, [shape.size, shape.length]), VALID: count}
