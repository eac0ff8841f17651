from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from detection.errors import BadInput
from detection.hard_example_miner import HardExampleMiner

FAR_APART = np.stack([[i / 10, 0, i / 10 + 0.05, 1] for i in range(8)]).astype(np.float32)


def miner(**changes: Any) -> HardExampleMiner:
    settings: dict[str, Any] = dict(
        num_hard_examples=None,
        iou_threshold=0.99,
        max_negatives_per_positive=3.0,
        min_negatives_per_image=0,
        class_loss_weight=1.0,
        box_loss_weight=0.0,
    )
    return HardExampleMiner(**{**settings, **changes})


def select(
    found: HardExampleMiner, losses: list[float], matches: list[int], boxes: np.ndarray = FAR_APART
) -> list[int]:
    class_losses = tf.constant([losses], tf.float32)
    mask = found.select(
        tf.zeros_like(class_losses), class_losses, tf.constant([boxes]), tf.constant([matches])
    )
    return np.flatnonzero(mask.numpy()[0]).tolist()


def test_three_hardest_negatives_for_each_positive() -> None:
    losses = [0.1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]
    assert select(miner(), losses, [0] + [-1] * 7) == [0, 1, 2, 3]
    assert select(miner(), losses, [0, -1, -1, -1, -1, -1, -1, 1]) == [0, 1, 2, 3, 4, 5, 6, 7]


def test_an_image_without_positives_keeps_only_the_minimum() -> None:
    losses = [0.1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]
    assert select(miner(), losses, [-1] * 8) == []
    assert select(miner(min_negatives_per_image=2), losses, [-1] * 8) == [1, 2]


def test_num_hard_examples_cuts_by_loss_before_the_ratio() -> None:
    losses = [0.1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]
    assert select(miner(num_hard_examples=2), losses, [0] + [-1] * 7) == []
    assert select(miner(num_hard_examples=3), losses, [-1, 0] + [-1] * 6) == [1, 2, 3]


def test_a_box_on_a_harder_one_is_dropped_even_if_positive() -> None:
    boxes = FAR_APART.copy()
    boxes[1] = boxes[0]
    losses = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2]
    assert select(miner(), losses, [0, 0] + [-1] * 6, boxes) == [0, 2, 3, 4]


def test_without_a_ratio_all_survivors_count() -> None:
    assert select(miner(max_negatives_per_positive=None), [0.5] * 8, [-1] * 8) == list(range(8))


def test_ranking_may_use_both_losses() -> None:
    both = miner(
        class_loss_weight=1.0, box_loss_weight=2.0, num_hard_examples=1, max_negatives_per_positive=None
    )
    class_losses, box_losses = tf.constant([[0.9, 0.1]]), tf.constant([[0.0, 0.5]])
    mask = both.select(box_losses, class_losses, tf.constant([FAR_APART[:2]]), tf.constant([[-1, -1]]))
    np.testing.assert_array_equal(mask, [[0, 1]])


def test_a_loss_that_is_not_a_number_is_not_taken() -> None:
    losses = [0.1, np.nan, 0.8, np.nan, 0.6, 0.5, 0.4, 0.3]
    assert select(miner(), losses, [0, -1, -1, 1] + [-1] * 4) == [0, 2, 4, 5]


def test_of_equal_losses_the_first_anchors_are_taken() -> None:
    assert select(miner(), [0.5] * 8, [-1, -1, -1, -1, 0, -1, -1, -1]) == [0, 1, 2, 4]
    assert select(miner(num_hard_examples=5), [0.5] * 8, [-1, -1, -1, -1, 0, -1, -1, -1]) == [0, 1, 2, 4]
    assert select(miner(num_hard_examples=4), [0.5] * 8, [-1, -1, -1, -1, 0, -1, -1, -1]) == []


@pytest.mark.parametrize("iou_threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_that_is_no_overlap_is_bad_input(iou_threshold: float) -> None:
    with pytest.raises(BadInput, match="is not between 0 and 1"):
        miner(iou_threshold=iou_threshold)


@pytest.mark.parametrize("iou_threshold", [0.3, 0.6, 0.99])
@pytest.mark.parametrize("crowding", [0.02, 0.3])
@pytest.mark.parametrize("least_positive_loss", [0.0, 0.7])
def test_ending_early_equals_looking_at_everything(
    iou_threshold: float, crowding: float, least_positive_loss: float
) -> None:
    rng = np.random.default_rng(3)
    corners = rng.uniform(0, crowding, [4, 400, 2]).astype(np.float32)
    boxes = np.concatenate([corners, corners + 0.3], axis=-1)
    losses = rng.uniform(0, 1, [4, 400]).astype(np.float32)
    positive = rng.uniform(size=[4, 400]) < [[0.0], [0.02], [0.1], [0.5]]
    matches = np.where(positive & (losses > least_positive_loss), 0, -1).astype(np.int32)
    found = miner(iou_threshold=iou_threshold, min_negatives_per_image=5).select(
        tf.zeros_like(losses), tf.constant(losses), tf.constant(boxes), tf.constant(matches)
    )
    for image in range(4):
        taken = tf.image.non_max_suppression(boxes[image], losses[image], 400, iou_threshold).numpy()
        positive = matches[image][taken] >= 0
        most = max(5, 3 * positive.sum())
        kept = taken[positive | (np.cumsum(~positive) <= most)]
        assert sorted(kept) == np.flatnonzero(found.numpy()[image]).tolist()
