"""The anchors from an `Ssd` proto, and those of Faster R-CNN's first stage. No TensorFlow."""

from __future__ import annotations

from typing import Any

from detection.anchors import AnchorGenerator, SsdAnchorGenerator, ssd_box_specs
from detection.config.architectures import num_feature_maps
from detection.errors import BadInput, NoNativeModel
from detection.grid_anchors import GridAnchorGenerator
from detection.multiscale_anchors import MultiscaleAnchorGenerator

_WHERE = "model.ssd.anchor_generator"


def anchor_generator(config: Any) -> AnchorGenerator:
    """Anchors of an `Ssd` proto; BadInput unless its kind is known and has anchors for each feature map."""
    kind = config.anchor_generator.WhichOneof("anchor_generator_oneof")
    if kind not in _KINDS:
        raise NoNativeModel(
            f"{kind or 'no anchor generator'} is not supported", _WHERE, f"use {' or '.join(_KINDS)}"
        )
    build, last_field = _KINDS[kind]
    message, where = getattr(config.anchor_generator, kind), f"{_WHERE}.{kind}"
    if kind == "multiscale_anchor_generator" and not message.normalize_coordinates:
        raise NoNativeModel(
            "normalize_coordinates: false is not supported",
            f"{where}.normalize_coordinates",
            "remove the line",
        )
    found, wanted = _num_maps(message), num_feature_maps(config)
    if found != wanted or found < 1:
        raise BadInput(
            f"anchors are for {found} feature maps, the extractor has {wanted}",
            f"{where}.{last_field}",
            "use the anchor generator and the feature extractor of the training: they have the same number",
        )
    return build(message, where)


def _num_maps(message: Any) -> int:
    """For how many feature maps an anchor generator's message is."""
    fields = message.DESCRIPTOR.fields_by_name
    if "max_level" in fields:
        return int(message.max_level - message.min_level + 1)
    return min(message.num_layers, len(message.scales)) if message.scales else int(message.num_layers)


def grid_anchor_generator(config: Any) -> GridAnchorGenerator:
    """Anchors of the first stage from an `AnchorGenerator` proto; BadInput unless it is a whole grid's."""
    kind = config.WhichOneof("anchor_generator_oneof")
    where = "model.faster_rcnn.first_stage_anchor_generator"
    if kind != "grid_anchor_generator":
        raise NoNativeModel(
            f"{kind or 'no anchor generator'} is not supported", where, "use grid_anchor_generator"
        )
    grid = config.grid_anchor_generator
    if not grid.scales or not grid.aspect_ratios:
        raise BadInput("scales or aspect_ratios are missing", f"{where}.{kind}", "give one of each at least")
    return GridAnchorGenerator(
        scales=tuple(grid.scales),
        aspect_ratios=tuple(grid.aspect_ratios),
        base_size_px=(grid.height, grid.width),
        stride_px=(grid.height_stride, grid.width_stride),
        offset_px=(grid.height_offset, grid.width_offset),
    )


def _ssd(message: Any, where: str) -> AnchorGenerator:
    specs = ssd_box_specs(
        num_layers=message.num_layers,
        min_scale=message.min_scale,
        max_scale=message.max_scale,
        scales=list(message.scales),
        aspect_ratios=list(message.aspect_ratios),
        interpolated_scale_aspect_ratio=message.interpolated_scale_aspect_ratio,
        reduce_boxes_in_lowest_layer=message.reduce_boxes_in_lowest_layer,
    )
    return SsdAnchorGenerator(
        box_specs=specs,
        base_anchor_size=(message.base_anchor_height, message.base_anchor_width),
        strides_px=_pairs(message.height_stride, message.width_stride, len(specs), f"{where}.height_stride"),
        offsets_px=_pairs(message.height_offset, message.width_offset, len(specs), f"{where}.height_offset"),
    )


def _multiscale(message: Any, where: str) -> AnchorGenerator:
    return MultiscaleAnchorGenerator(
        min_level=message.min_level,
        max_level=message.max_level,
        anchor_scale=message.anchor_scale,
        aspect_ratios=tuple(message.aspect_ratios),
        scales_per_octave=message.scales_per_octave,
    )


def _pairs(heights: Any, widths: Any, count: int, where: str) -> tuple[tuple[int, int], ...] | None:
    if not heights:
        return None
    if len(heights) != count or len(widths) != count:
        raise BadInput(
            f"{len(heights)} and {len(widths)} values for {count} feature maps", where, "give one a map"
        )
    return tuple(zip(heights, widths, strict=True))


# what builds each kind, and the field that ends its feature maps
_KINDS = {
    "ssd_anchor_generator": (_ssd, "num_layers"),
    "multiscale_anchor_generator": (_multiscale, "max_level"),
}
