"""The distance between two models' responses, in numbers."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from components.trainer.responses import Responses, distance


def logits(*rows: list[float]) -> tf.Tensor:
    return tf.constant([rows], tf.float32)


def test_distance_is_the_divergence_where_the_teacher_is_sure() -> None:
    boxes = tf.zeros([1, 2, 1, 4])
    probable, improbable = np.log(0.8 / 0.2), np.log(0.1 / 0.9)
    teacher = Responses(logits([probable], [improbable]), boxes)
    student = Responses(logits([0.0], [0.0]), boxes + [0.0, 0.0, 0.5, 2.0])
    far = distance(teacher, student, softmax=False)
    sure = 0.8 * np.log(0.8 / 0.5) + 0.2 * np.log(0.2 / 0.5)
    unsure = 0.1 * np.log(0.1 / 0.5) + 0.9 * np.log(0.9 / 0.5)
    smooth_l1 = 0.5 * 0.5**2 + (2.0 - 0.5)
    # the confidences sum up to less than 1
    np.testing.assert_allclose(far, [0.8 * (sure + smooth_l1) + 0.1 * (unsure + smooth_l1)], rtol=1e-5)
    np.testing.assert_allclose(distance(teacher, teacher, softmax=False), [0.0], atol=1e-7)


def test_distance_of_a_softmax_with_a_box_for_each_class_and_padding() -> None:
    boxes = tf.stack([tf.zeros([1, 3, 4]), tf.ones([1, 3, 4])], axis=2)
    scores = np.array([[0.1, 0.2, 0.7], [0.1, 0.6, 0.3], [0.0001, 0.9, 0.0999]], np.float32)
    teacher = Responses(tf.math.log(scores)[tf.newaxis], boxes)
    student = Responses(tf.zeros([1, 3, 3]), tf.zeros([1, 3, 2, 4]))
    far = distance(teacher, student, softmax=True, real=tf.constant([[True, True, False]]))
    divergence = np.sum(scores * np.log(scores * 3.0), axis=-1)
    # only the first place's likeliest class has another box: four coordinates, each 1 off
    expected = (0.7 * (divergence[0] + 4 * 0.5) + 0.6 * divergence[1]) / 1.3
    np.testing.assert_allclose(far, [expected], rtol=1e-5)
    np.testing.assert_allclose(distance(teacher, teacher, softmax=True), [0.0], atol=1e-6)
