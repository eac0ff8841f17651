"""How many cells the feature maps have, from the config alone. No TensorFlow."""

from __future__ import annotations

from typing import Any

from detection.config.architectures import NATIVE, num_feature_maps

_FIRST_LEVEL = 4  # without a pyramid the first map has cells of 2^4 pixels
_COARSEST_LEVEL = 31  # a cell of 2^31 pixels holds any image


def feature_map_sizes(ssd: Any) -> list[tuple[int, int]] | None:
    """(rows, columns) of each feature map of an `Ssd` proto, finest first; None where that isn't known.

    It isn't for images of no fixed size, architectures without a native model and impossible levels. Every
    layer with a stride of 2 halves a map and rounds up, with any padding that the native models have.
    """
    extractor = ssd.feature_extractor
    if extractor.type not in NATIVE or ssd.image_resizer.WhichOneof("image_resizer_oneof") != (
        "fixed_shape_resizer"
    ):
        return None
    resizer = ssd.image_resizer.fixed_shape_resizer
    first = extractor.fpn.min_level if "_fpn" in extractor.type else _FIRST_LEVEL
    multiple = max(1, extractor.pad_to_multiple)
    height, width = (side + -side % multiple for side in (resizer.height, resizer.width))
    levels = range(first, first + num_feature_maps(ssd))
    if not 0 <= first <= levels.stop <= _COARSEST_LEVEL:
        return None
    return [(-(-height // 2**level), -(-width // 2**level)) for level in levels]


def first_stage_map_size(faster_rcnn: Any, image_size: tuple[int, int]) -> tuple[int, int]:
    """(rows, columns) of the first stage's features of a `FasterRcnn` proto, for an input (height, width)."""
    stride = first_stage_stride(faster_rcnn)
    return -(-image_size[0] // stride), -(-image_size[1] // stride)


def first_stage_stride(faster_rcnn: Any) -> int:
    """Pixels of the input in a cell of the first stage's features."""
    extractor = faster_rcnn.feature_extractor
    # TF1's Inception v2 reads its 16 pixels from the network alone, whatever the config says
    return (
        16 if extractor.type == "faster_rcnn_inception_v2" else max(1, extractor.first_stage_features_stride)
    )
