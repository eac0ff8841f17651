"""The selection against TensorFlow's own op, on boxes and scores full of ties."""

import numpy as np
import pytest
import tensorflow as tf

from detection.greedy_nms import greedy_nms
from tests.detection.nms_op import selected_by_op

IMAGES = 6


def never(mask: tf.Tensor, decided: tf.Tensor) -> tf.Tensor:
    return tf.constant(False)


def drawn(num_boxes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes `[6 * kinds, A, 4]` and falling scores: multiples of a tenth give overlaps at the threshold."""
    rng = np.random.default_rng(seed)
    shape = (IMAGES, num_boxes, 2)
    corners, sizes = rng.integers(0, 5, shape) * 0.1, rng.integers(0, 8, shape) * 0.1
    crowded = np.concatenate([corners, corners + sizes], axis=-1)
    few = np.concatenate([corners, corners + 0.3], axis=-1)
    kinds = [
        crowded,
        few,
        crowded + rng.normal(0, 0.003, crowded.shape),
        rng.random([IMAGES, num_boxes, 4]),  # corners in any order
        np.full([IMAGES, num_boxes, 4], [0.1, 0.2, 0.5, 0.7]),
    ]
    scores = rng.integers(-2, 4, [len(kinds) * IMAGES, num_boxes]).astype(np.float32)
    scores[scores == -2] = -np.inf
    return np.concatenate(kinds).astype(np.float32), -np.sort(-scores, axis=1)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("num_boxes", "max_selected", "iou_threshold"),
    [(1, 1, 0.5), (128, 128, 0.0), (300, 300, 0.5), (300, 140, 0.99), (129, 7, 1 / 3), (257, 999, 1.0)],
)
def test_selects_what_the_op_selects(
    num_boxes: int, max_selected: int, iou_threshold: float, compiled: bool
) -> None:
    @tf.function(jit_compile=compiled)
    def select(boxes: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        return greedy_nms(boxes, scores, max_selected=max_selected, iou_threshold=iou_threshold, enough=never)

    for seed in range(5):
        boxes, scores = drawn(num_boxes, seed)
        found = select(tf.constant(boxes), tf.constant(scores)).numpy()
        assert found.any()
        for image, image_boxes, image_scores in zip(found, boxes, scores, strict=True):
            wanted = selected_by_op(
                image_boxes, image_scores, max_selected=max_selected, iou_threshold=iou_threshold
            )
            assert np.flatnonzero(image).tolist() == wanted


@pytest.mark.parametrize("size", [2, None])
def test_batches_of_unknown_size_can_be_traced(size: int | None) -> None:
    signature = [tf.TensorSpec([size, 300, 4]), tf.TensorSpec([size, 300])]
    select = tf.function(
        lambda boxes, scores: greedy_nms(boxes, scores, max_selected=9, iou_threshold=0.5, enough=never),
        input_signature=signature,
    )
    boxes, scores = drawn(300, 0)
    found = select(tf.constant(boxes[:2]), tf.constant(scores[:2]))
    assert found.shape == (2, 300) and tf.reduce_sum(tf.cast(found, tf.int32), axis=1).numpy().tolist() == [
        9,
        9,
    ]


def test_search_ends_when_there_is_enough() -> None:
    seen: list[int] = []

    def enough(mask: tf.Tensor, decided: tf.Tensor) -> tf.Tensor:
        seen.append(int(decided))
        assert not tf.reduce_any(mask[:, int(decided) :])
        return decided > 200

    boxes = np.tile(np.linspace(0, 1, 600, dtype=np.float32)[:, np.newaxis], [1, 4])
    boxes[:, 2:] += 0.0001
    mask = greedy_nms(
        tf.constant([boxes]), tf.ones([1, 600]), max_selected=600, iou_threshold=0.5, enough=enough
    )
    assert seen == [0, 128, 256]
    assert np.flatnonzero(mask[0]).tolist() == list(range(256))
