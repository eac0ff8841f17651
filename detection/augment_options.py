"""One option of `data_augmentation_options` -> the step that carries it out, with the OD API's defaults."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from detection import augment_color as color
from detection import augment_labels as labels
from detection import augment_pixels as pixels
from detection import augment_size as size
from detection.augment_aspect import (
    random_crop_to_aspect_ratio,
    ssd_random_crop_fixed_aspect_ratio,
    ssd_random_crop_pad_fixed_aspect_ratio,
)
from detection.augment_example import Augmentation
from detection.augment_geometry import (
    DEFAULT_SSD_CROPS,
    random_crop_image,
    random_horizontal_flip,
    random_vertical_flip,
    ssd_random_crop,
)
from detection.augment_pad import (
    DEFAULT_SSD_CROP_PADS,
    PadOperation,
    random_absolute_pad_image,
    random_crop_pad_image,
    random_pad_image,
    ssd_random_crop_pad,
)
from detection.augment_settings import (
    crop_of,
    pad_color_of,
    required,
    size_of,
    size_ratios_of,
    unusable,
)
from detection.augment_square import random_scale_crop_and_pad_to_square, random_square_crop_by_scale

# Steps whose keyword arguments are the message's fields, by the same names and with the same defaults.
_BY_FIELDS: dict[str, Callable[..., Any]] = {
    "adjust_gamma": pixels.adjust_gamma,
    "random_adjust_brightness": color.random_adjust_brightness,
    "random_adjust_contrast": color.random_adjust_contrast,
    "random_adjust_hue": color.random_adjust_hue,
    "random_adjust_saturation": color.random_adjust_saturation,
    "random_black_patches": pixels.random_black_patches,
    "random_crop_to_aspect_ratio": random_crop_to_aspect_ratio,
    "random_distort_color": color.random_distort_color,
    "random_image_scale": size.random_image_scale,
    "random_jpeg_quality": pixels.random_jpeg_quality,
    "random_patch_gaussian": pixels.random_patch_gaussian,
    "random_pixel_value_scale": pixels.random_pixel_value_scale,
    "random_rgb_to_gray": color.random_rgb_to_gray,
    "random_scale_crop_and_pad_to_square": random_scale_crop_and_pad_to_square,
    "random_self_concat_image": labels.random_self_concat_image,
    "random_square_crop_by_scale": random_square_crop_by_scale,
}


def build_step(name: str, config: Any) -> Augmentation | None:
    """The step for option `name` with its message `config`; None if there is none.

    Raises:
      BadInput: a setting that the step can't do without is absent, or a list has the wrong length.
    """
    if name in _BY_FIELDS:
        fields = {field.name: getattr(config, field.name) for field in config.DESCRIPTOR.fields}
        return functools.partial(_BY_FIELDS[name], **fields)
    builder = _BUILDERS.get(name)
    return builder(config) if builder else None


def _with_probability(step: Callable[..., Any]) -> Callable[[Any], Augmentation]:
    # the messages' other field is about keypoints, which are not read
    return lambda config: functools.partial(step, probability=config.probability)


def _random_crop_image(config: Any) -> Augmentation:
    return functools.partial(random_crop_image, operation=crop_of(config))


def _ssd_random_crop(config: Any) -> Augmentation:
    operations = tuple(crop_of(operation) for operation in config.operations)
    return functools.partial(ssd_random_crop, operations=operations or DEFAULT_SSD_CROPS)


def _ssd_random_crop_pad(config: Any) -> Augmentation:
    operations = tuple(
        (
            crop_of(operation),
            PadOperation(
                *size_ratios_of(operation),
                color=(operation.pad_color_r, operation.pad_color_g, operation.pad_color_b),
            ),
        )
        for operation in config.operations
    )
    return functools.partial(ssd_random_crop_pad, operations=operations or DEFAULT_SSD_CROP_PADS)


def _ssd_random_crop_fixed_aspect_ratio(config: Any) -> Augmentation:
    # the OD API reads aspect_ratio only where there are operations
    ratio = config.aspect_ratio if config.operations else 1.0
    operations = tuple(crop_of(operation, ratio) for operation in config.operations)
    return functools.partial(
        ssd_random_crop_fixed_aspect_ratio,
        operations=operations
        or tuple(replace(crop, aspect_ratio_range=(ratio, ratio)) for crop in DEFAULT_SSD_CROPS),
        aspect_ratio=ratio,
    )


def _ssd_random_crop_pad_fixed_aspect_ratio(config: Any) -> Augmentation:
    min_ratio, max_ratio = size_ratios_of(config)
    operations = tuple(crop_of(operation) for operation in config.operations)
    return functools.partial(
        ssd_random_crop_pad_fixed_aspect_ratio,
        operations=operations or DEFAULT_SSD_CROPS,
        aspect_ratio=config.aspect_ratio or 1.0,
        min_size_ratio=min_ratio,
        max_size_ratio=max_ratio,
    )


def _random_crop_pad_image(config: Any) -> Augmentation:
    padding = PadOperation(*size_ratios_of(config), color=pad_color_of(config))
    return functools.partial(random_crop_pad_image, crop=crop_of(config), padding=padding)


def _random_pad_image(config: Any) -> Augmentation:
    return functools.partial(
        random_pad_image,
        min_size=size_of(config, "min_image_height", "min_image_width"),
        max_size=size_of(config, "max_image_height", "max_image_width"),
        color=pad_color_of(config),
    )


def _random_absolute_pad_image(config: Any) -> Augmentation:
    return functools.partial(
        random_absolute_pad_image,
        max_padding=(config.max_height_padding or 1, config.max_width_padding or 1),
        color=pad_color_of(config),
    )


def _random_jitter_boxes(config: Any) -> Augmentation:
    modes = config.DESCRIPTOR.fields_by_name["jitter_mode"].enum_type.values_by_number
    return functools.partial(
        labels.random_jitter_boxes, ratio=config.ratio, jitter_mode=modes[config.jitter_mode].name.lower()
    )


def _random_resize_method(config: Any) -> Augmentation:
    height, width = required(config, "target_height"), required(config, "target_width")
    return functools.partial(size.random_resize_method, height=height, width=width)


def _resize_image(config: Any) -> Augmentation:
    methods = config.DESCRIPTOR.fields_by_name["method"].enum_type.values_by_number
    return functools.partial(
        size.resize_image,
        height=required(config, "new_height"),
        width=required(config, "new_width"),
        method=methods[config.method].name.partition("_")[0].lower(),
    )


def _random_downscale_to_target_pixels(config: Any) -> Augmentation:
    # the OD API passes on what is set alone, and its function's default differs from the message's
    most = config.max_target_pixels if config.HasField("max_target_pixels") else 800_000
    return functools.partial(
        size.random_downscale_to_target_pixels,
        random_coef=config.random_coef,
        min_target_pixels=config.min_target_pixels,
        max_target_pixels=most,
    )


def _normalize_image(config: Any) -> Augmentation:
    original = required(config, "original_minval"), required(config, "original_maxval")
    if original[0] == original[1]:
        raise unusable(config, f"original_minval and original_maxval are both {original[0]:g}")
    target = config.target_minval, config.target_maxval
    return functools.partial(pixels.normalize_image, original=original, target=target)


def _subtract_channel_mean(config: Any) -> Augmentation:
    if len(config.means) != 3:
        raise unusable(config, f"means has {len(config.means)} values", "give one for each of three channels")
    return functools.partial(pixels.subtract_channel_mean, means=tuple(config.means))


def _drop_label_probabilistically(config: Any) -> Augmentation:
    return functools.partial(
        labels.drop_label_probabilistically,
        label=required(config, "label"),
        drop_probability=config.drop_probability,
    )


def _remap_labels(config: Any) -> Augmentation:
    originals = tuple(config.original_labels)
    return functools.partial(
        labels.remap_labels, original_labels=originals, new_label=required(config, "new_label")
    )


_BUILDERS: dict[str, Callable[[Any], Augmentation]] = {
    "drop_label_probabilistically": _drop_label_probabilistically,
    "normalize_image": _normalize_image,
    "random_absolute_pad_image": _random_absolute_pad_image,
    "random_crop_image": _random_crop_image,
    "random_crop_pad_image": _random_crop_pad_image,
    "random_downscale_to_target_pixels": _random_downscale_to_target_pixels,
    "random_horizontal_flip": _with_probability(random_horizontal_flip),
    "random_jitter_boxes": _random_jitter_boxes,
    "random_pad_image": _random_pad_image,
    "random_resize_method": _random_resize_method,
    "random_rotation90": _with_probability(labels.random_rotation90),
    "random_vertical_flip": _with_probability(random_vertical_flip),
    "remap_labels": _remap_labels,
    "resize_image": _resize_image,
    "ssd_random_crop": _ssd_random_crop,
    "ssd_random_crop_fixed_aspect_ratio": _ssd_random_crop_fixed_aspect_ratio,
    "ssd_random_crop_pad": _ssd_random_crop_pad,
    "ssd_random_crop_pad_fixed_aspect_ratio": _ssd_random_crop_pad_fixed_aspect_ratio,
    "subtract_channel_mean": _subtract_channel_mean,
}

# Steps that mirror and crop the image or leave it: they don't need it decoded.
WINDOWS = frozenset(
    {
        "drop_label_probabilistically",
        "random_crop_image",
        "random_crop_to_aspect_ratio",
        "random_horizontal_flip",
        "random_jitter_boxes",
        "random_vertical_flip",
        "remap_labels",
        "ssd_random_crop",
        "ssd_random_crop_fixed_aspect_ratio",
    }
)

# Steps that move pixels and objects, and never compute with a pixel's value: they take uint8 images as well.
MOVES = WINDOWS | {"random_rotation90", "random_self_concat_image", "random_square_crop_by_scale"}

# Names of the options that have a step; detection.config.architectures lists them without TensorFlow.
APPLIED = frozenset({*_BY_FIELDS, *_BUILDERS})
