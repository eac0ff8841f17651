import numpy as np
import tensorflow as tf

from detection.matcher import IGNORED, UNMATCHED, ArgmaxMatcher

TWO = tf.constant([[True, True]])
SIMILARITY = tf.constant([[[0.9, 0.3, 0.1, 0.45], [0.2, 0.35, 0.05, 0.4]]])


def match(
    matcher: ArgmaxMatcher,
    present: tf.Tensor = TWO,
    forceable: tf.Tensor = TWO,
    similarity: tf.Tensor = SIMILARITY,
) -> list[int]:
    return matcher.match(similarity, present, forceable).numpy()[0].tolist()


def test_thresholds() -> None:
    matcher = ArgmaxMatcher(0.5, 0.4, force_match_for_each_row=False)
    assert match(matcher) == [0, UNMATCHED, UNMATCHED, IGNORED]


def test_negatives_between_the_thresholds() -> None:
    matcher = ArgmaxMatcher(0.5, 0.4, negatives_lower_than_unmatched=False, force_match_for_each_row=False)
    assert match(matcher) == [0, IGNORED, IGNORED, UNMATCHED]


def test_each_box_is_forced_onto_its_best_anchor() -> None:
    assert match(ArgmaxMatcher(0.5, 0.5)) == [0, UNMATCHED, UNMATCHED, 1]


def test_the_first_of_two_boxes_takes_a_shared_best_anchor() -> None:
    similarity = tf.constant([[[0.1, 0.2], [0.1, 0.3]]])
    assert match(ArgmaxMatcher(0.5, 0.5), similarity=similarity) == [UNMATCHED, 0]


def test_padding_and_weightless_rows_force_nothing() -> None:
    one = tf.constant([[True, False]])
    assert match(ArgmaxMatcher(0.5, 0.5), present=one, forceable=one)[3] == UNMATCHED
    assert match(ArgmaxMatcher(0.5, 0.5), forceable=one)[3] == UNMATCHED


def test_no_thresholds_match_every_anchor_unless_the_image_is_empty() -> None:
    matcher = ArgmaxMatcher(None, None, force_match_for_each_row=False)
    assert match(matcher) == [0, 1, 0, 0]
    none = tf.constant([[False, False]])
    np.testing.assert_array_equal(match(matcher, present=none, forceable=none), [UNMATCHED] * 4)
