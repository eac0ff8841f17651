"""Settings of the augmentation messages that several options share, read and checked."""

from __future__ import annotations

from typing import Any

from detection.augment_geometry import CropOperation
from detection.augment_pad import Color
from detection.errors import BadInput


def crop_of(config: Any, aspect_ratio: float | None = None) -> CropOperation:
    """The crop of a message; one without a range of aspect ratios has `aspect_ratio` alone."""
    if aspect_ratio is None:
        aspect_ratios = config.min_aspect_ratio, config.max_aspect_ratio
    else:
        aspect_ratios = aspect_ratio, aspect_ratio
    return CropOperation(
        min_object_covered=config.min_object_covered,
        aspect_ratio_range=aspect_ratios,
        area_range=(config.min_area, config.max_area),
        overlap_thresh=config.overlap_thresh,
        clip_boxes=config.clip_boxes,
        random_coef=config.random_coef,
    )


def required(config: Any, field: str) -> Any:
    """The value of a field that has no default; BadInput if it isn't set."""
    if not config.HasField(field):
        raise unusable(config, f"{field} is not set")
    return getattr(config, field)


def size_of(config: Any, height: str, width: str) -> tuple[int, int] | None:
    """The values of two fields; None if neither is set, BadInput if one is."""
    if not config.HasField(height) and not config.HasField(width):
        return None
    return required(config, height), required(config, width)


def size_ratios_of(config: Any) -> tuple[tuple[float, float], tuple[float, float]]:
    """The least and the greatest canvas, in heights and widths of the image; BadInput at another length."""
    ratios = []
    for field, default in (("min_padded_size_ratio", (1.0, 1.0)), ("max_padded_size_ratio", (2.0, 2.0))):
        values = tuple(getattr(config, field)) or default
        if len(values) != 2:
            raise unusable(
                config, f"{field} has {len(values)} values", "give one for height and one for width"
            )
        ratios.append((values[0], values[1]))
    return ratios[0], ratios[1]


def pad_color_of(config: Any) -> Color | None:
    """Red, green, blue of `pad_color`; None, the mean color, if it isn't set; BadInput at another length."""
    values = tuple(config.pad_color)
    if len(values) not in (0, 3):
        raise unusable(config, f"pad_color has {len(values)} values", "give red, green and blue")
    return (values[0], values[1], values[2]) if values else None


def unusable(config: Any, what: str, fix: str = "set it, or remove the option") -> BadInput:
    """The error about a message that no step can be built of."""
    where = f"train_config.data_augmentation_options, {config.DESCRIPTOR.name}"
    return BadInput(f"an augmentation can't be applied: {what}", where, fix)
