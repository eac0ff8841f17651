import numpy as np
import tensorflow as tf

from detection.sampler import BalancedSampler, content_seed

SEED = tf.constant([1, 2])


def test_positives_are_limited_and_negatives_fill_the_rest() -> None:
    candidates = tf.ones([3, 40], tf.bool)
    positive = tf.constant([[True] * 30 + [False] * 10, [True] * 2 + [False] * 38, [False] * 40])
    taken = BalancedSampler(16, 0.5).sample(candidates, positive, SEED).numpy()
    np.testing.assert_array_equal((taken & positive.numpy()).sum(1), [8, 2, 0])
    np.testing.assert_array_equal(taken.sum(1), [16, 16, 16])


def test_only_candidates_are_taken() -> None:
    candidates = tf.constant([[True, False, True, False, True]])
    positive = tf.constant([[True, True, False, False, False]])
    taken = BalancedSampler(10, 0.5).sample(candidates, positive, SEED)
    np.testing.assert_array_equal(taken, candidates)


def test_the_draw_follows_from_the_seed() -> None:
    candidates, positive = tf.ones([2, 100], tf.bool), tf.zeros([2, 100], tf.bool)
    sampler = BalancedSampler(10, 0.5)
    first = sampler.sample(candidates, positive, SEED).numpy()
    np.testing.assert_array_equal(first, sampler.sample(candidates, positive, SEED))
    assert (first != sampler.sample(candidates, positive, tf.constant([1, 3])).numpy()).any()
    assert (first[0] != first[1]).any()


def test_content_seed_follows_from_the_values() -> None:
    values = tf.constant([0.5, 1.25])
    np.testing.assert_array_equal(content_seed(values), content_seed(values + 0.0))
    assert (content_seed(values).numpy() != content_seed(values * 1.01).numpy()).any()
