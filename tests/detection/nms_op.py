"""TensorFlow's own selection, which TF1 used: the reference of greedy_nms and near_nms."""

import numpy as np
import tensorflow as tf


def selected_by_op(
    boxes: np.ndarray, scores: np.ndarray, *, max_selected: int, iou_threshold: float
) -> list[int]:
    """The indices that NonMaxSuppressionV3 selects of one image's boxes `[A, 4]`, ascending."""
    selected = tf.raw_ops.NonMaxSuppressionV3(
        boxes=boxes,
        scores=scores,
        max_output_size=max_selected,
        iou_threshold=iou_threshold,
        score_threshold=float("-inf"),
    )
    return sorted(selected.numpy().tolist())
