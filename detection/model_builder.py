"""The network's parts from an `Ssd` proto: backbone, predictors, anchors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from detection.anchors import SsdAnchorGenerator, ssd_box_specs
from detection.backbones import mobilenet_v1, mobilenet_v2
from detection.backbones.base import Backbone
from detection.errors import BadInput
from detection.feature_maps import embedded_layout, ssd_layout
from detection.heads import PredictorParams
from detection.hyperparams import conv_hyperparams

_EXTRACTOR = "model.ssd.feature_extractor"


def backbone(config: Any) -> Backbone:
    """The backbone, grown feature maps included, of a supported `SsdFeatureExtractor` proto."""
    return EXTRACTORS[config.type](config)


def _mobilenet_v1(config: Any) -> Backbone:
    layout = ssd_layout(
        mobilenet_v1.ENDPOINTS,
        config.num_layers,
        use_depthwise=config.use_depthwise,
        use_explicit_padding=config.use_explicit_padding,
    )
    feature_maps = conv_hyperparams(config.conv_hyperparams, f"{_EXTRACTOR}.conv_hyperparams")
    override = config.override_base_feature_extractor_hyperparams
    return mobilenet_v1.MobilenetV1(
        layout=layout,
        depth_multiplier=config.depth_multiplier,
        min_depth=config.min_depth,
        hyperparams=feature_maps if override else mobilenet_v1.SLIM_HYPERPARAMS,
        feature_map_hyperparams=feature_maps,
        regularize_depthwise=True,
        use_explicit_padding=config.use_explicit_padding,
    )


def _embedded_mobilenet_v1(config: Any) -> Backbone:
    # the OD API's class drops num_layers and the override on the way to its parent; so do its checkpoints
    layout = embedded_layout(
        mobilenet_v1.ENDPOINTS,
        use_depthwise=config.use_depthwise,
        use_explicit_padding=config.use_explicit_padding,
    )
    return mobilenet_v1.MobilenetV1(
        layout=layout,
        depth_multiplier=config.depth_multiplier,
        min_depth=config.min_depth,
        hyperparams=mobilenet_v1.SLIM_HYPERPARAMS,
        feature_map_hyperparams=conv_hyperparams(config.conv_hyperparams, f"{_EXTRACTOR}.conv_hyperparams"),
        regularize_depthwise=False,
        use_explicit_padding=config.use_explicit_padding,
    )


def _mobilenet_v2(config: Any) -> Backbone:
    layout = ssd_layout(
        mobilenet_v2.ENDPOINTS,
        config.num_layers,
        use_depthwise=config.use_depthwise,
        use_explicit_padding=config.use_explicit_padding,
    )
    feature_maps = conv_hyperparams(config.conv_hyperparams, f"{_EXTRACTOR}.conv_hyperparams")
    override = config.override_base_feature_extractor_hyperparams
    return mobilenet_v2.MobilenetV2(
        layout=layout,
        depth_multiplier=config.depth_multiplier,
        min_depth=config.min_depth,
        hyperparams=(
            mobilenet_v2.overridden_hyperparams(feature_maps) if override else mobilenet_v2.SLIM_HYPERPARAMS
        ),
        feature_map_hyperparams=feature_maps,
        regularize_depthwise=override,
        use_explicit_padding=config.use_explicit_padding,
    )


EXTRACTORS: dict[str, Callable[[Any], Backbone]] = {
    "ssd_mobilenet_v1": _mobilenet_v1,
    "ssd_mobilenet_v2": _mobilenet_v2,
    "embedded_ssd_mobilenet_v1": _embedded_mobilenet_v1,
}


def predictor(config: Any) -> PredictorParams:
    """Settings from a `BoxPredictor` proto; BadInput unless it is a convolutional_box_predictor."""
    kind = config.WhichOneof("box_predictor_oneof")
    where = "model.ssd.box_predictor"
    if kind != "convolutional_box_predictor":
        raise BadInput(
            f"{kind or 'no box predictor'} is not supported", where, "use convolutional_box_predictor"
        )
    conv = config.convolutional_box_predictor
    if conv.use_depthwise and conv.kernel_size == 1:
        raise BadInput(
            "use_depthwise with kernel_size 1 is no convolution", f"{where}.{kind}", "set kernel_size: 3"
        )
    if conv.box_code_size != 4:
        raise BadInput(f"box_code_size is {conv.box_code_size}", f"{where}.{kind}", "set box_code_size: 4")
    clip = conv.box_encodings_clip_range
    return PredictorParams(
        hyperparams=conv_hyperparams(conv.conv_hyperparams, f"{where}.{kind}.conv_hyperparams"),
        kernel_size=conv.kernel_size,
        use_depthwise=conv.use_depthwise,
        layers_before=conv.num_layers_before_predictor,
        min_depth=conv.min_depth,
        max_depth=conv.max_depth,
        dropout_rate=1.0 - conv.dropout_keep_probability if conv.use_dropout else 0.0,
        apply_sigmoid_to_scores=conv.apply_sigmoid_to_scores,
        class_bias_init=conv.class_prediction_bias_init,
        box_clip_range=(clip.min, clip.max) if conv.HasField("box_encodings_clip_range") else None,
    )


def anchor_generator(config: Any) -> SsdAnchorGenerator:
    """Anchors of an `Ssd` proto; BadInput unless they are ssd_anchor_generator's, for each feature map."""
    kind = config.anchor_generator.WhichOneof("anchor_generator_oneof")
    where = "model.ssd.anchor_generator"
    if kind != "ssd_anchor_generator":
        raise BadInput(f"{kind or 'no anchor generator'} is not supported", where, "use ssd_anchor_generator")
    ssd = config.anchor_generator.ssd_anchor_generator
    specs = ssd_box_specs(
        num_layers=ssd.num_layers,
        min_scale=ssd.min_scale,
        max_scale=ssd.max_scale,
        scales=list(ssd.scales),
        aspect_ratios=list(ssd.aspect_ratios),
        interpolated_scale_aspect_ratio=ssd.interpolated_scale_aspect_ratio,
        reduce_boxes_in_lowest_layer=ssd.reduce_boxes_in_lowest_layer,
    )
    embedded = config.feature_extractor.type == "embedded_ssd_mobilenet_v1"
    num_maps = 5 if embedded else min(config.feature_extractor.num_layers, 6)
    if len(specs) != num_maps or num_maps < 2:
        raise BadInput(
            f"anchors are for {len(specs)} feature maps, the extractor has {num_maps}",
            f"{where}.{kind}.num_layers",
            f"set num_layers: {max(num_maps, 2)} in the anchor generator and the feature extractor",
        )
    return SsdAnchorGenerator(
        box_specs=specs,
        base_anchor_size=(ssd.base_anchor_height, ssd.base_anchor_width),
        strides_px=_pairs(ssd.height_stride, ssd.width_stride, num_maps, f"{where}.{kind}.height_stride"),
        offsets_px=_pairs(ssd.height_offset, ssd.width_offset, num_maps, f"{where}.{kind}.height_offset"),
    )


def _pairs(heights: Any, widths: Any, count: int, where: str) -> tuple[tuple[int, int], ...] | None:
    if not heights:
        return None
    if len(heights) != count or len(widths) != count:
        raise BadInput(
            f"{len(heights)} and {len(widths)} values for {count} feature maps", where, "give one a map"
        )
    return tuple(zip(heights, widths, strict=True))
