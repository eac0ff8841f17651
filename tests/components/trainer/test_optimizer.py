"""Updates equal those of the tf.compat.v1 optimizers at every step, also when the rate changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from components.trainer.optimizer import Adam, AdamW, Momentum, Optimizer, Rates, RMSProp, build_optimizer
from components.trainer.options import TrainOptions
from components.trainer.rates import VariableRate
from components.trainer.schedule import ManualStep
from detection.config import protos
from detection.errors import BadInput

RATES = [0.1, 0.01, 0.2, 0.003, 0.05, 0.0]
EVERY = 10  # steps until the rate changes
START = np.array([[1.0, -2.0, 3.0]], np.float32)
GRADIENTS = np.random.default_rng(0).normal(size=(EVERY * len(RATES), 1, 3)).astype(np.float32)
# a long stretch without a gradient, and a large one
GRADIENTS[15:25] = 0.0
GRADIENTS[30] *= 100.0
SHORT = GRADIENTS[:24]

Make = Callable[[Rates | None], Optimizer]
MakeTf1 = Callable[[tf.Tensor], tf.compat.v1.train.Optimizer]


def schedule(factor: float = 1.0) -> ManualStep:
    rates = [float(np.float32(rate) * np.float32(factor)) for rate in RATES]
    return ManualStep(list(range(EVERY, EVERY * len(rates), EVERY)), rates)


def adam_config(epsilon: float) -> protos.Optimizer:
    return text_format.Parse(f"adam_optimizer {{ epsilon: {epsilon} }}", protos.Optimizer())


OPTIMIZERS: dict[str, tuple[Callable[[ManualStep, Rates | None], Optimizer], MakeTf1]] = {
    "momentum": (
        lambda rate, rates: Momentum(rate, 0.9, rates),
        lambda rate: tf.compat.v1.train.MomentumOptimizer(rate, 0.9),
    ),
    "rmsprop": (
        lambda rate, rates: RMSProp(rate, 0.9, 0.9, 1.0, rates),
        lambda rate: tf.compat.v1.train.RMSPropOptimizer(rate, decay=0.9, momentum=0.9, epsilon=1.0),
    ),
    "rmsprop with a small epsilon": (
        lambda rate, rates: RMSProp(rate, 0.95, 0.8, 1e-3, rates),
        lambda rate: tf.compat.v1.train.RMSPropOptimizer(rate, decay=0.95, momentum=0.8, epsilon=1e-3),
    ),
    "adam": (
        lambda rate, rates: build_optimizer(adam_config(1e-8), TrainOptions(), rate, rates),
        lambda rate: tf.compat.v1.train.AdamOptimizer(rate),
    ),
    "adam with a large epsilon": (
        lambda rate, rates: build_optimizer(adam_config(0.01), TrainOptions(), rate, rates),
        lambda rate: tf.compat.v1.train.AdamOptimizer(rate, epsilon=0.01),
    ),
}


def ours(optimizer: Optimizer, gradients: Sequence[np.ndarray] = GRADIENTS) -> np.ndarray:
    """The variable's values after each step."""
    variable = keras.Variable(START, name="v")
    optimizer.build([variable])
    values = []
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient)], [variable])
        values.append(variable.numpy())
    return np.array(values)


def tf1(make: MakeTf1) -> np.ndarray:
    """The same with a TF1 optimizer that is told the rate at each step."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variable = tf.compat.v1.get_variable("v", initializer=START, use_resource=True)
        rate = tf.compat.v1.placeholder(tf.float32, [])
        gradient = tf.compat.v1.placeholder(tf.float32, [1, 3])
        update = make(rate).apply_gradients([(gradient, variable)])
        session.run(tf.compat.v1.global_variables_initializer())
        values = []
        for step, value in enumerate(GRADIENTS):
            session.run(update, {rate: RATES[step // EVERY], gradient: value})
            values.append(session.run(variable))
        return np.array(values)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_step_is_that_of_tf1(name: str) -> None:
    make, make_tf1 = OPTIMIZERS[name]
    found, expected = ours(make(schedule(), None)), tf1(make_tf1)
    if name.startswith("adam"):  # TF1 multiplies the powers of beta step by step
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    else:
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", [*OPTIMIZERS, "adamw"])
@pytest.mark.parametrize("factor", [0.3])
def test_a_factor_is_a_factor_of_the_rate(name: str, factor: float) -> None:
    def make(rate: ManualStep, rates: Rates | None) -> Optimizer:
        return AdamW(rate, 0.1, rates=rates) if name == "adamw" else OPTIMIZERS[name][0](rate, rates)

    with_factor = ours(make(schedule(), {"v": VariableRate(factor)}), SHORT)
    np.testing.assert_array_equal(with_factor, ours(make(schedule(factor), None), SHORT))


@pytest.mark.parametrize("name", [*OPTIMIZERS, "adamw"])
@pytest.mark.parametrize("compiled", [False, True])
def test_each_entry_of_the_last_axis_has_its_own_part(name: str, compiled: bool) -> None:
    def make(factor: float, rates: Rates | None) -> Optimizer:
        rate = schedule(factor)
        return AdamW(rate, 0.0, rates=rates) if name == "adamw" else OPTIMIZERS[name][0](rate, rates)

    variable = keras.Variable(START, name="v")
    optimizer = make(1.0, {"v": VariableRate(0.5, entries=(1.0, 0.2, 0.0))})
    optimizer.build([variable])

    def apply(gradient: tf.Tensor) -> None:
        optimizer.apply([gradient], [variable])

    step, found = tf.function(apply) if compiled else apply, []
    for gradient in SHORT:
        step(tf.constant(gradient))
        found.append(variable.numpy())
    values = np.array(found)[:, 0]
    np.testing.assert_array_equal(values[:, 0], ours(make(0.5, None), SHORT)[:, 0, 0])
    np.testing.assert_allclose(values[:, 1], ours(make(0.1, None), SHORT)[:, 0, 1], rtol=1e-5)
    np.testing.assert_array_equal(values[:, 2], np.full(len(SHORT), START[0, 2]))


def test_each_variable_has_its_own_factor() -> None:
    variables = [keras.Variable([1.0, 1.0], name=name) for name in ("a", "b", "c")]
    rates = {"a": VariableRate(0.5), "c": VariableRate(2.0)}
    optimizer = Momentum(schedule(), 0.9, rates)
    optimizer.build(variables)
    optimizer.apply([tf.constant([1.0, 1.0])] * 2, [variables[2], variables[0]])  # some of them, in any order
    moved = [1.0 - float(variable.value[0]) for variable in variables]
    assert moved == pytest.approx([0.05, 0.0, 0.2], rel=1e-5)


@pytest.mark.parametrize("late", [1, 17])
def test_adam_corrects_by_the_updates_of_the_variable_itself(late: int) -> None:
    # one that starts late goes as one that starts with the training does, and no further
    variable = keras.Variable(START, name="v")
    other = keras.Variable(START, name="w")
    optimizer = Adam(ManualStep([1000], [0.1, 0.0]), rates={"v": VariableRate(first_step=late)})
    optimizer.build([variable, other])
    for step, gradient in enumerate([*GRADIENTS[:late], *GRADIENTS[:10]]):
        trained = [other] if step < late else [other, variable]
        optimizer.apply([tf.constant(gradient)] * len(trained), trained)
    expected = ours(Adam(ManualStep([1000], [0.1, 0.0])), GRADIENTS[:10])[-1]
    np.testing.assert_array_equal(variable.numpy(), expected)


def test_adamw_is_keras_own_on_kernels() -> None:
    optimizer = AdamW(schedule(), 0.1, 1e-7)
    reference = keras.optimizers.AdamW(schedule(), weight_decay=0.1, epsilon=1e-7)
    np.testing.assert_allclose(ours(optimizer, SHORT), ours(reference, SHORT), rtol=1e-5)


@pytest.mark.parametrize(
    ("shape", "decays"), [([3, 3, 2, 4], True), ([1, 1, 8, 1], True), ([5, 4], True), ([4], False)]
)
def test_adamw_decays_kernels_and_neither_biases_nor_batch_norm(shape: list[int], decays: bool) -> None:
    variable = keras.Variable(np.full(shape, 2.0, np.float32))
    AdamW(ManualStep([9], [0.1, 0.1]), 0.5).apply([tf.zeros(shape)], [variable])
    np.testing.assert_allclose(variable.numpy(), np.full(shape, 2.0 * (0.95 if decays else 1.0)), rtol=1e-6)


def test_build_takes_the_configs_hyperparameters() -> None:
    text = "rms_prop_optimizer { decay: 0.8 momentum_optimizer_value: 0.7 epsilon: 0.5 }"
    optimizer = build_optimizer(text_format.Parse(text, protos.Optimizer()), TrainOptions(), schedule())
    assert isinstance(optimizer, RMSProp)
    assert optimizer.hyper_parameters() == pytest.approx({"decay": 0.8, "momentum": 0.7, "epsilon": 0.5})


@pytest.mark.parametrize(
    ("options", "kind", "numbers"),
    [
        (TrainOptions(optimizer="momentum"), Momentum, {"momentum": 0.9}),
        (TrainOptions(optimizer="adam"), Adam, {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}),
        (
            TrainOptions(optimizer="adamw", weight_decay=0.02),
            AdamW,
            {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "weight_decay": 0.02},
        ),
    ],
)
def test_option_overrides_the_kind(
    options: TrainOptions, kind: type[Optimizer], numbers: dict[str, float]
) -> None:
    config = text_format.Parse("rms_prop_optimizer {}", protos.Optimizer())
    optimizer = build_optimizer(config, options, schedule())
    assert type(optimizer) is kind
    assert optimizer.hyper_parameters() == pytest.approx(numbers)


def test_no_optimizer_is_bad_input() -> None:
    with pytest.raises(BadInput, match="no optimizer"):
        build_optimizer(protos.Optimizer(), TrainOptions(), schedule())
