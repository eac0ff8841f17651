"""Runs TF1 code that creates variables by name in TF2, with one set of variables for all its graphs."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import tensorflow as tf

from detection.context import context_shape
from detection.errors import BadInput
from detection.shim.attention import mend_attention
from detection.tf1 import compat


class Mode(NamedTuple):
    """What a DetectionModel is built for.

    `batch_norm`: whether it trains; `masks`: whether it has what Mask R-CNN has beside Faster R-CNN.
    """

    training: bool = False
    batch_norm: bool = False
    masks: bool = False


class SlimGraph:
    """DetectionModels of the OD API in every mode that is asked for, on the same variables.

    Not a tf.Module on purpose: its owner tracks the variables, by TF1 name.
    """

    def __init__(self, model_config: Any) -> None:
        """`model_config` is a DetectionModel proto. BadInput if the OD API's TF1 builder refuses it."""
        compat.install_beside_tf2()
        self._store = _variable_store()
        self._config = model_config
        self._models: dict[Mode, Any] = {}

    def model(self, mode: Mode) -> Any:
        """The OD API's model of this mode; built when it is first asked for."""
        if mode not in self._models:
            frozen = mode.training and not mode.batch_norm
            config = with_frozen_batch_norm(self._config) if frozen else self._config
            if not mode.masks:
                config = without_masks(config)
            model = _build(config, mode.training)
            if frozen:  # MobileDet's code asks this, whatever the config says of batch norm
                model._feature_extractor._is_training = False
            if context_shape(config) is not None:
                mend_attention(model, mode.training and mode.batch_norm)
            self._models[mode] = model
        return self._models[mode]

    @tf.autograph.experimental.do_not_convert
    def run(self, function: Callable[[], Any]) -> Any:
        """What `function` returns, whose variables are created once and reused by name.

        Eager calls run in a graph too: MobileNet's code asks tensors for their names.
        """

        def in_store() -> Any:
            with _fresh_scope_counts():
                return self._store.run(function)

        with _without_warnings():
            return tf.function(in_store, autograph=False)() if tf.executing_eagerly() else in_store()

    def variables(self) -> dict[str, tf.Variable]:
        """What has been created so far, by TF1 name."""
        return {_without_output(variable.name): variable for variable in self._store.variables}

    def regularization_losses(self) -> dict[str, tf.Tensor]:
        """A scalar for each regularised variable, by TF1 name, as TF1 collects them."""
        losses = {_without_output(name): loss() for name, loss in self._store.regularizers().items()}
        return {name: loss for name, loss in losses.items() if loss is not None}  # None: a weight of 0


def _without_output(name: str) -> str:
    """`scope/weights:0` -> `scope/weights`."""
    return name.split(":")[0]


def with_frozen_batch_norm(model_config: Any) -> Any:
    """A copy of the proto whose batch norms use their moving statistics in training too.

    Not only freeze_batchnorm: conv_hyperparams that say `train: true` override it in the OD API.
    """
    frozen = type(model_config)()
    frozen.CopyFrom(model_config)
    _set_everywhere(frozen, {"train": False, "freeze_batchnorm": True, "batch_norm_trainable": False})
    return frozen


def without_masks(model_config: Any) -> Any:
    """A copy of the proto: a Mask R-CNN's as a Faster R-CNN of the same variables, less the mask head's."""
    plain = type(model_config)()
    plain.CopyFrom(model_config)
    if plain.faster_rcnn.number_of_stages != 3:
        return plain
    plain.faster_rcnn.number_of_stages = 2
    plain.faster_rcnn.second_stage_box_predictor.mask_rcnn_box_predictor.predict_instance_masks = False
    return plain


def _set_everywhere(message: Any, values: dict[str, bool]) -> None:
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if field.is_repeated else (value,):
                _set_everywhere(part, values)
    for name, value in values.items():
        if name in message.DESCRIPTOR.fields_by_name:
            setattr(message, name, value)


def cannot_build(error: Exception) -> BadInput:
    """What to say when the OD API's code refuses a config."""
    return BadInput(
        f"the Object Detection API can't build this model: {error}",
        "model",
        "use the pipeline.config the checkpoint was trained with",
    )


def _build(model_config: Any, training: bool) -> Any:
    from object_detection.builders import model_builder

    try:
        with tf.init_scope():  # constants of the model's own must outlive the graph being built
            return model_builder.build(model_config, is_training=training, add_summaries=False)
    except ValueError as error:
        raise cannot_build(error) from error


def _variable_store() -> Any:
    from tf_keras.src.legacy_tf_layers.variable_scope_shim import track_tf1_style_variables

    class Store(tf.Module):
        @track_tf1_style_variables
        def run(self, function: Callable[[], Any]) -> Any:
            return function()

        def regularizers(self) -> dict[str, Callable[[], tf.Tensor]]:
            return self._tf1_style_var_store._regularizers

    return Store()


@contextmanager
def _fresh_scope_counts() -> Iterator[None]:
    """Without it the second graph's FeatureExtractor would be called FeatureExtractor_1."""
    from tensorflow.python.ops import variable_scope

    counts = variable_scope.get_variable_scope_store().variable_scopes_count
    saved = dict(counts)
    counts.clear()
    try:
        yield
    finally:
        counts.clear()
        counts.update(saved)


@contextmanager
def _without_warnings() -> Iterator[None]:
    """The OD API's code won't change: what TensorFlow and its own logging say of it helps nobody."""
    from tensorflow.python.util import deprecation

    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with deprecation.silence(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
