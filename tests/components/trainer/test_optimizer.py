"""Updates equal those of the tf.compat.v1 optimizers, also when the rate changes."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from components.trainer.optimizer import Momentum, RMSProp, build_optimizer
from components.trainer.options import TrainOptions
from components.trainer.schedule import ManualStep
from detection.config import protos
from detection.errors import BadInput

RATES = [0.1, 0.01, 0.2]
START = np.array([1.0, -2.0, 3.0], np.float32)
GRADIENTS = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)


def schedule() -> ManualStep:
    return ManualStep([2, 4], RATES)


def ours(optimizer: keras.optimizers.Optimizer) -> np.ndarray:
    variable = keras.Variable(START)
    for gradient in GRADIENTS:
        optimizer.apply([tf.constant(gradient)], [variable])
    return variable.numpy()


def tf1(make: Callable[[tf.Tensor], tf.compat.v1.train.Optimizer]) -> np.ndarray:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variable = tf.compat.v1.get_variable("v", initializer=START, use_resource=True)
        rate = tf.compat.v1.placeholder(tf.float32, [])
        gradient = tf.compat.v1.placeholder(tf.float32, [3])
        update = make(rate).apply_gradients([(gradient, variable)])
        session.run(tf.compat.v1.global_variables_initializer())
        for step, value in enumerate(GRADIENTS):
            session.run(update, {rate: RATES[step // 2], gradient: value})
        return session.run(variable)


def test_momentum() -> None:
    expected = tf1(lambda rate: tf.compat.v1.train.MomentumOptimizer(rate, 0.9))
    assert ours(Momentum(schedule(), 0.9)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("epsilon", [1.0, 1e-3])
def test_rmsprop(epsilon: float) -> None:
    expected = tf1(
        lambda rate: tf.compat.v1.train.RMSPropOptimizer(rate, decay=0.9, momentum=0.9, epsilon=epsilon)
    )
    assert ours(RMSProp(schedule(), 0.9, 0.9, epsilon)) == pytest.approx(expected, rel=1e-5)


def test_adam() -> None:
    config = text_format.Parse("adam_optimizer { epsilon: 0.01 }", protos.Optimizer())
    expected = tf1(lambda rate: tf.compat.v1.train.AdamOptimizer(rate, epsilon=0.01))
    assert ours(build_optimizer(config, TrainOptions(), schedule())) == pytest.approx(expected, rel=1e-5)


def test_build_takes_the_configs_hyperparameters() -> None:
    text = "rms_prop_optimizer { decay: 0.8 momentum_optimizer_value: 0.7 epsilon: 0.5 }"
    optimizer = build_optimizer(text_format.Parse(text, protos.Optimizer()), TrainOptions(), schedule())
    assert isinstance(optimizer, RMSProp)
    assert (optimizer.decay, optimizer.momentum, optimizer.epsilon) == pytest.approx((0.8, 0.7, 0.5))


def test_option_overrides_the_kind() -> None:
    config = text_format.Parse("rms_prop_optimizer {}", protos.Optimizer())
    optimizer = build_optimizer(config, TrainOptions(optimizer="momentum"), schedule())
    assert isinstance(optimizer, Momentum)
    assert optimizer.momentum == pytest.approx(0.9)


def test_no_optimizer_is_bad_input() -> None:
    with pytest.raises(BadInput, match="no optimizer"):
        build_optimizer(protos.Optimizer(), TrainOptions(), schedule())
