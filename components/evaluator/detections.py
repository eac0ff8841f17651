"""What an image holds and what a model found in it, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RleMask = dict[str, Any]  # COCO's run lengths: {"size": [height, width], "counts": bytes}
MATCHED_IOU = 0.5


@dataclass(frozen=True)
class ImageDetections:
    """What one image holds and what a model found in it.

    Boxes are float32 [n, 4], `[ymin, xmin, ymax, xmax]` normalised; classes are int [n], ids of the data's
    label map; scores are float32 [n]. `height` and `width` are those of the original image, in pixels.
    `groundtruth_crowd` and `groundtruth_difficult` are bool [n], None where no object is one; masks have the
    image's size, None where there are none.
    """

    height: int
    width: int
    groundtruth_boxes: NDArray[np.float32]
    groundtruth_classes: NDArray[np.int64]
    detection_boxes: NDArray[np.float32]
    detection_scores: NDArray[np.float32]
    detection_classes: NDArray[np.int64]
    groundtruth_crowd: NDArray[np.bool_] | None = None
    groundtruth_difficult: NDArray[np.bool_] | None = None
    groundtruth_masks: Sequence[RleMask] | None = None
    detection_masks: Sequence[RleMask] | None = None

    @property
    def crowd(self) -> NDArray[np.bool_]:
        """Which objects are regions of many: finding them is neither right nor wrong (COCO)."""
        return _flags(self.groundtruth_crowd, len(self.groundtruth_classes))

    @property
    def difficult(self) -> NDArray[np.bool_]:
        """Which objects are marked as difficult (PASCAL VOC)."""
        return _flags(self.groundtruth_difficult, len(self.groundtruth_classes))


def boxes_xywh_px(boxes: NDArray[np.float32], size: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normalised boxes [n, 4] as COCO writes them: xmin, ymin, width, height in pixels.

    `size` is the height and width of the image, [2], or of each box's image, [n, 2].
    """
    ymin, xmin, ymax, xmax = boxes.astype(np.float64).reshape(-1, 4).T
    height, width = size[..., 0], size[..., 1]
    return np.stack([xmin * width, ymin * height, (xmax - xmin) * width, (ymax - ymin) * height], axis=-1)


def overlaps(image: ImageDetections, found: NDArray[np.int64]) -> NDArray[np.float64]:
    """Intersection over union [len(found), objects] of detections with the objects of the image.

    `found` indexes the detections. With a crowd, the union is the detection alone, as in COCO.
    """
    size = np.array([image.height, image.width], np.float64)
    boxes = boxes_xywh_px(image.detection_boxes[found], size)[:, None]
    truth = boxes_xywh_px(image.groundtruth_boxes, size)[None]
    start = np.maximum(boxes[..., :2], truth[..., :2])
    end = np.minimum(boxes[..., :2] + boxes[..., 2:], truth[..., :2] + truth[..., 2:])
    shared = np.clip(end - start, 0, None).prod(axis=-1)
    area, truth_area = boxes[..., 2:].prod(axis=-1), truth[..., 2:].prod(axis=-1)
    union = np.where(image.crowd[None], area, area + truth_area - shared)
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _flags(values: NDArray[np.bool_] | None, count: int) -> NDArray[np.bool_]:
    return np.zeros(count, bool) if values is None else values.astype(bool)
