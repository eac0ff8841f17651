"""The frozen graph of a TF2 checkpoint: the Object Detection API's own Keras model, restored by TensorFlow.

The reference for a conversion from a TF2 object-based checkpoint. Nothing here knows how the converter maps
names: the package builds the model, and TensorFlow matches the checkpoint's objects to the model's.
"""

from __future__ import annotations

import re
from typing import Any

import tensorflow as tf

from detection.errors import BadInput, first_line
from detection.tf1 import keras_compat
from detection.tf1.frozen_graph import INPUT
from detection.tf1.graph_structure import EXTRACTOR

# The scope of a Keras feature extractor, which the class's name gives; TF1's graphs have one for all.
_KERAS_EXTRACTOR = re.compile(r"^(\^?)ssd_\w+_keras_feature_extractor/")
_AVERAGE = "average"  # the slot in which TF2's optimizer keeps a variable's moving average


def frozen_keras_graph(config: Any, checkpoint: str, outputs: tuple[str, ...]) -> tf.compat.v1.GraphDef:
    """The graph from `image_tensor` uint8 [?, ?, ?, 3] to those of `outputs` that the model has.

    `config` is a TrainEvalPipelineConfig of a Keras model, `checkpoint` a prefix; moving averages are taken
    if the config asks for them. Changes what the process can import, so only for a child process. BadInput if
    the checkpoint holds another model.

    Source: exporter_lib_v2.py, which restores the variables after tracing, as they exist only then.
    """
    keras_compat.install()
    from object_detection.builders import model_builder
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2_as_graph

    model = model_builder.build(config.model, is_training=False)

    # without autograph, which the package does not need and which takes a minute
    @tf.function(
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, name=INPUT)], autograph=False
    )
    def detect(images: tf.Tensor) -> dict[str, tf.Tensor]:
        preprocessed, true_shapes = model.preprocess(tf.cast(images, tf.float32))
        detections = model.postprocess(model.predict(preprocessed, true_shapes), true_shapes)
        detections["detection_classes"] += 1  # label map ids start at 1; the model's classes at 0
        return {name: tf.identity(detections[name], name=name) for name in outputs if name in detections}

    traced = detect.get_concrete_function()
    _restore(model, checkpoint)
    if config.eval_config.use_moving_averages:
        _take_averages(model, checkpoint)
    # loops stay functions, or their bodies would leave the Postprocessor's scope, which graph_structure reads
    frozen = convert_variables_to_constants_v2_as_graph(traced, lower_control_flow=False)[1]
    return _with_tf1_scopes(frozen)


def _restore(model: Any, checkpoint: str) -> None:
    try:
        status = tf.train.Checkpoint(model=model).restore(checkpoint)
        status.expect_partial().assert_existing_objects_matched()
    except (AssertionError, ValueError) as error:
        raise BadInput(
            f"the checkpoint does not fit the config's TF2 model: {first_line(error)}",
            checkpoint,
            "use the pipeline.config the checkpoint was trained with",
        ) from error


def _take_averages(model: Any, checkpoint: str) -> None:
    """Sets variables to their averages; those without one keep their value, as batch norm's statistics do.

    Source: official.modeling.optimization.ema_optimizer: they are slots of the training's optimizer.
    """
    optimizer = tf.keras.optimizers.legacy.SGD()
    averages = [
        (variable, optimizer.add_slot(variable, _AVERAGE, initializer=variable.read_value()))
        for variable in model.trainable_variables
    ]
    tf.train.Checkpoint(model=model, optimizer=optimizer).restore(checkpoint).expect_partial()
    for variable, average in averages:
        variable.assign(average)


def _with_tf1_scopes(graph_def: tf.compat.v1.GraphDef) -> tf.compat.v1.GraphDef:
    """The graph with the feature extractor in TF1's scope, where a failed proof looks for feature maps."""
    for node in graph_def.node:
        node.name = _renamed(node.name)
        for index, edge in enumerate(node.input):
            node.input[index] = _renamed(edge)
        node.attr.pop("_class", None)  # colocation, by the old names
    return graph_def


def _renamed(name: str) -> str:
    return _KERAS_EXTRACTOR.sub(rf"\1{EXTRACTOR}", name)
