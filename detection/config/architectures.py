"""Which TF1 detectors have a native model here, and which augmentations training applies. No TensorFlow."""

from __future__ import annotations

import difflib
from typing import Any

# model.ssd.feature_extractor.type
SUPPORTED = ("embedded_ssd_mobilenet_v1", "ssd_mobilenet_v1", "ssd_mobilenet_v2")

# The names of train_config.data_augmentation_options that detection.augment has a step for.
AUGMENTATIONS = frozenset(
    {
        "random_adjust_brightness",
        "random_adjust_contrast",
        "random_adjust_hue",
        "random_adjust_saturation",
        "random_crop_image",
        "random_distort_color",
        "random_horizontal_flip",
        "random_rgb_to_gray",
        "random_vertical_flip",
        "ssd_random_crop",
    }
)


def architecture_of(model: Any) -> str:
    """The feature extractor's type of a DetectionModel proto, or else the model's kind ("ssd")."""
    kind = model.WhichOneof("model")
    detector = getattr(model, kind) if kind else None
    extractor = getattr(detector, "feature_extractor", None)
    return getattr(extractor, "type", "") or kind or ""


def nearest_supported(architecture: str) -> str:
    """The supported type whose name is most like `architecture`."""
    return max(SUPPORTED, key=lambda name: difflib.SequenceMatcher(None, name, architecture).ratio())
