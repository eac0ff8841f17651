import numpy as np
import tensorflow as tf

from detection.sampler import BalancedSampler, image_seeds

SEEDS = tf.constant([[1, 2], [3, 2], [5, 2]], tf.int64)


def test_positives_are_limited_and_negatives_fill_the_rest() -> None:
    candidates = tf.ones([3, 40], tf.bool)
    positive = tf.constant([[True] * 30 + [False] * 10, [True] * 2 + [False] * 38, [False] * 40])
    taken = BalancedSampler(16, 0.5).sample(candidates, positive, SEEDS).numpy()
    np.testing.assert_array_equal((taken & positive.numpy()).sum(1), [8, 2, 0])
    np.testing.assert_array_equal(taken.sum(1), [16, 16, 16])


def test_only_candidates_are_taken() -> None:
    candidates = tf.constant([[True, False, True, False, True]])
    positive = tf.constant([[True, True, False, False, False]])
    taken = BalancedSampler(10, 0.5).sample(candidates, positive, SEEDS[:1])
    np.testing.assert_array_equal(taken, candidates)


def test_the_draw_follows_from_the_seed() -> None:
    candidates, positive = tf.ones([2, 100], tf.bool), tf.zeros([2, 100], tf.bool)
    sampler = BalancedSampler(10, 0.5)
    first = sampler.sample(candidates, positive, SEEDS[:2]).numpy()
    np.testing.assert_array_equal(first, sampler.sample(candidates, positive, SEEDS[:2]))
    assert (first != sampler.sample(candidates, positive, SEEDS[:2] + 1).numpy()).any(axis=1).all()
    assert (first[0] != first[1]).any()


def test_a_row_is_sampled_alike_in_any_batch() -> None:
    candidates, positive = tf.ones([3, 100], tf.bool), tf.zeros([3, 100], tf.bool)
    sampler = BalancedSampler(10, 0.5)
    whole = sampler.sample(candidates, positive, SEEDS)
    for row in range(3):
        part = slice(row, row + 1)
        alone = sampler.sample(candidates[part], positive[part], SEEDS[part])
        np.testing.assert_array_equal(alone, whole[part])


def test_seeds_follow_from_each_image_and_the_draw_alone() -> None:
    images = tf.random.stateless_uniform([3, 40, 50, 3], [1, 2], -1.0, 1.0)
    seeds = image_seeds(images, 7)
    assert seeds.shape == (3, 2) and seeds.dtype == tf.int64
    assert len(set(seeds.numpy()[:, 0])) == 3
    np.testing.assert_array_equal(seeds[1:2], image_seeds(images[1:2], tf.constant(7)))
    np.testing.assert_array_equal(seeds[:, 0], image_seeds(images[:, ::-1], 8)[:, 0])
    np.testing.assert_array_equal(image_seeds(images, 8)[:, 1], [8, 8, 8])
