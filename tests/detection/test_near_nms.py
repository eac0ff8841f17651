"""The selection against TensorFlow's own op, on boxes whose overlaps are around the threshold."""

import numpy as np
import pytest
import tensorflow as tf

from detection.greedy_nms import greedy_nms
from detection.near_nms import near_nms
from tests.detection.nms_op import selected_by_op

IMAGES = 3


def drawn(num_boxes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes `[kinds * 3, A, 4]` and falling scores."""
    rng = np.random.default_rng(seed)
    shape = (IMAGES, num_boxes)
    corners, sizes = rng.random([*shape, 2]), rng.random([*shape, 2]) ** 3
    spread = np.concatenate([corners, corners + sizes], axis=-1)
    originals = rng.integers(0, max(1, num_boxes // 4), shape)
    copies = np.take_along_axis(spread, originals[..., np.newaxis], axis=1)
    side = np.tile(sizes.min(axis=-1, keepdims=True), 4)
    tenths = rng.integers(0, 9, [*shape, 2]) * 0.1
    kinds = [
        spread,
        copies,
        copies + side * rng.normal(0, 0.004, copies.shape),
        copies + side * rng.integers(-1, 2, copies.shape) * 0.01,  # overlaps at 0.99 to the last bit
        1e4 * copies,
        np.concatenate([tenths, tenths + 0.1 * rng.integers(0, 3, [*shape, 2])], axis=-1),  # a grid's
        copies[..., [2, 3, 0, 1]],  # the upper corner first
        np.full([*shape, 4], [0.1, 0.2, 0.5, 0.7]),
    ]
    scores = rng.integers(-2, 9, [len(kinds) * IMAGES, num_boxes]).astype(np.float32)
    scores[scores == -2] = -np.inf
    return np.concatenate(kinds).astype(np.float32), -np.sort(-scores, axis=1)


@pytest.mark.parametrize(
    ("num_boxes", "max_selected", "iou_threshold", "compiled"),
    [
        (1, 1, 0.9, False),
        (64, 64, 0.9, True),
        (300, 300, 0.99, False),
        (300, 40, 0.99, True),
        (97, 7, 0.95, False),
        (130, 999, 1.0, False),
    ],
)
def test_selects_what_the_op_selects(
    num_boxes: int, max_selected: int, iou_threshold: float, compiled: bool
) -> None:
    @tf.function(jit_compile=compiled)
    def select(boxes: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        return near_nms(boxes, scores, max_selected=max_selected, iou_threshold=iou_threshold)

    suppressed = 0
    for seed in range(4):
        boxes, scores = drawn(num_boxes, seed)
        found = select(tf.constant(boxes), tf.constant(scores)).numpy()
        for image, image_boxes, image_scores in zip(found, boxes, scores, strict=True):
            wanted = selected_by_op(
                image_boxes, image_scores, max_selected=max_selected, iou_threshold=iou_threshold
            )
            assert np.flatnonzero(image).tolist() == wanted
            suppressed += min(max_selected, int((image_scores > -np.inf).sum())) - len(wanted)
    assert suppressed > 0 or num_boxes == 1 or iou_threshold == 1.0 or max_selected < 10


@pytest.mark.parametrize("size", [2, None])
def test_batches_of_unknown_size_can_be_traced(size: int | None) -> None:
    signature = [tf.TensorSpec([size, 300, 4]), tf.TensorSpec([size, 300])]
    select = tf.function(
        lambda boxes, scores: near_nms(boxes, scores, max_selected=9, iou_threshold=0.99),
        input_signature=signature,
    )
    boxes, scores = drawn(300, 0)
    found = select(tf.constant(boxes[:2]), tf.constant(scores[:2]))
    assert found.shape == (2, 300)
    assert tf.reduce_sum(tf.cast(found, tf.int32), axis=1).numpy().tolist() == [9, 9]


def test_boxes_that_are_not_finite_count_as_in_greedy_nms() -> None:
    boxes, scores = drawn(200, 1)
    strange = np.random.default_rng(0).random(boxes.shape) < 0.1
    boxes = np.where(strange, [np.inf, np.nan, -np.inf, 1e30], boxes).astype(np.float32)
    settings = {"max_selected": 200, "iou_threshold": 0.99}
    wanted = greedy_nms(
        tf.constant(boxes), tf.constant(scores), enough=lambda mask, decided: tf.constant(False), **settings
    )
    found = near_nms(tf.constant(boxes), tf.constant(scores), **settings)
    np.testing.assert_array_equal(found, wanted)
    assert not tf.reduce_all(found[0])
