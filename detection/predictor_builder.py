"""The box predictor from a `BoxPredictor` proto."""

from __future__ import annotations

from typing import Any

from detection.errors import BadInput
from detection.heads import BoxPredictor, PerMapBoxPredictor, PredictorParams
from detection.heads_weight_shared import WeightSharedBoxPredictor, WeightSharedParams
from detection.hyperparams import conv_hyperparams, enum_name

_WHERE = "model.ssd.box_predictor"


def box_predictor(config: Any) -> BoxPredictor:
    """The predictor of a `BoxPredictor` proto; BadInput for a kind or setting that SSD has none of."""
    kind = config.WhichOneof("box_predictor_oneof")
    if kind not in _KINDS:
        raise BadInput(f"{kind or 'no box predictor'} is not supported", _WHERE, f"use {' or '.join(_KINDS)}")
    message, where = getattr(config, kind), f"{_WHERE}.{kind}"
    if message.use_depthwise and message.kernel_size == 1:
        raise BadInput("use_depthwise with kernel_size 1 is no convolution", where, "set kernel_size: 3")
    if message.box_code_size != 4:
        raise BadInput(f"box_code_size is {message.box_code_size}", where, "set box_code_size: 4")
    return _KINDS[kind](message, where)


def _per_map(message: Any, where: str) -> BoxPredictor:
    return PerMapBoxPredictor(
        PredictorParams(
            hyperparams=conv_hyperparams(message.conv_hyperparams, f"{where}.conv_hyperparams"),
            kernel_size=message.kernel_size,
            use_depthwise=message.use_depthwise,
            layers_before=message.num_layers_before_predictor,
            min_depth=message.min_depth,
            max_depth=message.max_depth,
            dropout_rate=_dropout_rate(message),
            apply_sigmoid_to_scores=message.apply_sigmoid_to_scores,
            class_bias_init=message.class_prediction_bias_init,
            box_clip_range=_clip_range(message),
        )
    )


def _weight_shared(message: Any, where: str) -> BoxPredictor:
    if message.depth < 1 and message.num_layers_before_predictor:
        raise BadInput("the towers have no depth", f"{where}.depth", "set depth: 256, as in the training")
    return WeightSharedBoxPredictor(
        WeightSharedParams(
            hyperparams=conv_hyperparams(message.conv_hyperparams, f"{where}.conv_hyperparams"),
            depth=message.depth,
            num_layers=message.num_layers_before_predictor,
            kernel_size=message.kernel_size,
            use_depthwise=message.use_depthwise,
            share_tower=message.share_prediction_tower,
            dropout_rate=_dropout_rate(message),
            class_bias_init=message.class_prediction_bias_init,
            sigmoid_scores=enum_name(message, "score_converter") == "SIGMOID",
            box_clip_range=_clip_range(message),
        )
    )


def _dropout_rate(message: Any) -> float:
    return 1.0 - message.dropout_keep_probability if message.use_dropout else 0.0


def _clip_range(message: Any) -> tuple[float, float] | None:
    if not message.HasField("box_encodings_clip_range"):
        return None
    return message.box_encodings_clip_range.min, message.box_encodings_clip_range.max


_KINDS = {
    "convolutional_box_predictor": _per_map,
    "weight_shared_convolutional_box_predictor": _weight_shared,
}
