"""Averages equal those of TF1's own MovingAverageOptimizer's, and come and go without a trace."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from components.trainer.averages import MovingAverages, build_averages
from components.trainer.optimizer import Momentum
from components.trainer.schedule import Constant
from detection.config import protos

START = np.array([1.0, -2.0, 3.0], np.float32)
GRADIENTS = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
TRAINING = "train_config { optimizer { use_moving_average: %s moving_average_decay: 0.75 } }"
EVALUATION = "eval_config { use_moving_averages: true }"


def tf1(decay: float) -> tuple[np.ndarray, np.ndarray]:
    """Variable and average after all gradients; what tf.contrib's MovingAverageOptimizer does in a step."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variable = tf.compat.v1.get_variable("v", initializer=START, use_resource=True)
        gradient = tf.compat.v1.placeholder(tf.float32, [3])
        averages = tf.compat.v1.train.ExponentialMovingAverage(decay, num_updates=None)
        update = tf.compat.v1.train.MomentumOptimizer(0.1, 0.9).apply_gradients([(gradient, variable)])
        with tf.control_dependencies([update]):
            step = averages.apply([variable])
        session.run(tf.compat.v1.global_variables_initializer())
        for value in GRADIENTS:
            session.run(step, {gradient: value})
        return session.run((variable, averages.average(variable)))


@pytest.mark.parametrize("decay", [0.9999, 0.9, 0.0])
def test_average_is_that_of_tf1(decay: float) -> None:
    variable = keras.Variable(START)
    averages = MovingAverages([variable], decay)
    optimizer = Momentum(Constant(0.1), 0.9)
    for gradient in GRADIENTS:
        optimizer.apply([tf.constant(gradient)], [variable])
        averages.update()
    expected_value, expected_average = tf1(decay)
    np.testing.assert_allclose(variable.numpy(), expected_value, rtol=1e-6)
    np.testing.assert_allclose(averages.averages[0].numpy(), expected_average, rtol=1e-6)


def test_variables_hold_their_averages_for_a_while() -> None:
    variable = keras.Variable(START)
    averages = MovingAverages([variable], 0.5)
    variable.assign([5.0, 6.0, 7.0])
    averages.update()
    with pytest.raises(ZeroDivisionError), averages.in_place():
        np.testing.assert_array_equal(variable.numpy(), [3.0, 2.0, 5.0])
        raise ZeroDivisionError
    np.testing.assert_array_equal(variable.numpy(), [5.0, 6.0, 7.0])
    np.testing.assert_array_equal(averages.averages[0].numpy(), [3.0, 2.0, 5.0])


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (TRAINING % "true", False),
        (TRAINING % "true" + EVALUATION, True),
        (TRAINING % "false" + EVALUATION, False),
        ("train_config { optimizer { moving_average_decay: 0.75 } }" + EVALUATION, True),
    ],
)
def test_averages_are_kept_where_the_exporter_would_read_them(text: str, kept: bool) -> None:
    config = text_format.Parse(text, protos.TrainEvalPipelineConfig())
    averages = build_averages(config, [keras.Variable(START)])
    assert (averages is not None) == kept
    if averages:
        assert averages.decay == 0.75
        np.testing.assert_array_equal(averages.averages[0].numpy(), START)
