"""Which TF1 detectors run here, natively or not, and which augmentations training applies. No TensorFlow."""

from __future__ import annotations

import difflib
from itertools import pairwise
from typing import Any

from detection.errors import BadInput

# feature_extractor.type of model.ssd and model.faster_rcnn that has a native model
NATIVE = (
    "embedded_ssd_mobilenet_v1",
    "faster_rcnn_inception_resnet_v2",
    "faster_rcnn_inception_v2",
    "faster_rcnn_resnet101",
    "faster_rcnn_resnet152",
    "faster_rcnn_resnet50",
    "ssd_inception_v2",
    "ssd_mobilenet_edgetpu",
    "ssd_mobilenet_v1",
    "ssd_mobilenet_v1_fpn",
    "ssd_mobilenet_v1_ppn",
    "ssd_mobilenet_v2",
    "ssd_mobilenet_v2_fpn",
    "ssd_mobilenet_v3_large",
    "ssd_mobilenet_v3_small",
    "ssd_resnet101_v1_fpn",
    "ssd_resnet152_v1_fpn",
    "ssd_resnet50_v1_fpn",
)

# And those that the OD API's TF1 code knows beside them: they run through detection.shim.
SHIM = (
    "faster_rcnn_nas",
    "faster_rcnn_pnas",
    "ssd_inception_v3",
    "ssd_mobiledet_cpu",
    "ssd_mobiledet_dsp",
    "ssd_mobiledet_edgetpu",
    "ssd_mobiledet_gpu",
    "ssd_mobilenet_v2_mnasfpn",
    "ssd_pnasnet",
    "ssd_resnet101_v1_ppn",
    "ssd_resnet152_v1_ppn",
    "ssd_resnet50_v1_ppn",
    "ssd_spaghettinet",
)

SUPPORTED = (*NATIVE, *SHIM)
_COMPARED = 80  # letters of a type that there is none of; one that no person wrote would take minutes

# The part of the base rate at which the warmup starts of a schedule that a detector's YAML names.
WARMUP_START = 0.1

# The names of train_config.data_augmentation_options that detection.augment has a step for.
AUGMENTATIONS = frozenset(
    {
        "adjust_gamma",
        "drop_label_probabilistically",
        "normalize_image",
        "random_absolute_pad_image",
        "random_adjust_brightness",
        "random_adjust_contrast",
        "random_adjust_hue",
        "random_adjust_saturation",
        "random_black_patches",
        "random_crop_image",
        "random_crop_pad_image",
        "random_crop_to_aspect_ratio",
        "random_distort_color",
        "random_downscale_to_target_pixels",
        "random_horizontal_flip",
        "random_image_scale",
        "random_jitter_boxes",
        "random_jpeg_quality",
        "random_pad_image",
        "random_patch_gaussian",
        "random_pixel_value_scale",
        "random_resize_method",
        "random_rgb_to_gray",
        "random_rotation90",
        "random_scale_crop_and_pad_to_square",
        "random_self_concat_image",
        "random_square_crop_by_scale",
        "random_vertical_flip",
        "remap_labels",
        "resize_image",
        "ssd_random_crop",
        "ssd_random_crop_fixed_aspect_ratio",
        "ssd_random_crop_pad",
        "ssd_random_crop_pad_fixed_aspect_ratio",
        "subtract_channel_mean",
    }
)


def architecture_of(model: Any) -> str:
    """The feature extractor's type of a DetectionModel proto, or else the model's kind ("ssd")."""
    kind = model.WhichOneof("model")
    detector = getattr(model, kind) if kind else None
    extractor = getattr(detector, "feature_extractor", None)
    return getattr(extractor, "type", "") or kind or ""


def nearest_supported(architecture: str, kind: str | None = None) -> str:
    """The type that runs here, natively or not, whose name is most like `architecture`.

    `kind` is "ssd" or "faster_rcnn", if it must be a type of that model.
    """
    start = architecture[:_COMPARED].lower()
    of_kind = [name for name in SUPPORTED if kind in (None, "faster_rcnn" if "rcnn" in name else "ssd")]
    return max(of_kind, key=lambda name: difflib.SequenceMatcher(None, name, start).ratio())


def require_kind(model_config: Any) -> None:
    """BadInput unless a DetectionModel is one of the two kinds that TF1 has."""
    kind = model_config.WhichOneof("model")
    if kind is None:
        raise BadInput("there is no model", "model", "add model { ssd { ... } }, or name the right file")
    if kind not in ("ssd", "faster_rcnn"):
        nearest = nearest_supported(architecture_of(model_config))
        raise BadInput(
            f"{kind} is none of the TF1 Object Detection API's models, which are ssd and faster_rcnn",
            f"model.{kind}",
            f"the nearest supported feature extractor is {nearest}; what was trained as {kind} can't be "
            "carried over",
        )


def num_feature_maps(ssd: Any) -> int:
    """How many feature maps the feature extractor of an `Ssd` proto gives to the predictors."""
    extractor = ssd.feature_extractor
    if extractor.type in ("embedded_ssd_mobilenet_v1", "ssd_spaghettinet"):
        return 5  # whatever num_layers says
    if extractor.type == "ssd_mobilenet_v1_ppn":
        return 6  # likewise
    if "_fpn" in extractor.type:
        return extractor.fpn.max_level - extractor.fpn.min_level + 1
    return min(extractor.num_layers, 6)


def pyramid_that_does_not_halve(ssd: Any) -> tuple[int, list[int]] | None:
    """An image side that a feature pyramid can't be built on, and its maps' cells; None if there is none.

    The pyramid adds each map, doubled, to the next finer one. Explicit padding crops it to fit.
    """
    extractor, resizer = ssd.feature_extractor, ssd.image_resizer.fixed_shape_resizer
    if "_fpn" not in extractor.type or extractor.use_explicit_padding or extractor.fpn.min_level < 0:
        return None
    for side in (resizer.height, resizer.width):
        padded = side + -side % max(1, extractor.pad_to_multiple)
        # backbones end with level 5; the coarser maps are strided convolutions
        levels = range(extractor.fpn.min_level, min(extractor.fpn.max_level, 5) + 1)
        cells = [-(-padded // 2**level) for level in levels]
        if any(fine != 2 * coarse for fine, coarse in pairwise(cells)):
            return side, cells
    return None
