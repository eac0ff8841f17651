"""Rules about the optimizer: its momentum, its epsilon, clipping, and moving averages of the weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from components.config_validator.learning_rate import active_schedule
from components.config_validator.subject import Problem, Rule, Subject

_SMALL_EPSILON = 0.01  # far below RMSProp's 1.0 here, which makes it plain momentum
_RATE_FOR_SMALL_EPSILON = 0.001
_LARGE_ADAM_EPSILON = 0.1
_MOST_OF_THE_START = 0.05  # share of the weights before training that an average may still hold after it


def optimizer_is_there(subject: Subject) -> Iterator[Problem]:
    """Something must say how to learn."""
    if active_schedule(subject.config) is None:
        yield Problem(
            "warning",
            "train_config names no optimizer with a learning rate",
            "train_config",
            "training then needs optimizer, schedule and learning_rate from the detector's YAML",
            "add optimizer { momentum_optimizer { ... } } with a cosine_decay_learning_rate",
        )


def momentum_is_usable(subject: Subject) -> Iterator[Problem]:
    """Momentum averages the gradients of past steps: from 1 on it sums them up without end."""
    optimizer = _message(subject)
    if optimizer is None or subject.optimizer == "adam_optimizer":
        return
    momentum = optimizer.momentum_optimizer_value
    field = f"train_config.optimizer.{subject.optimizer}.momentum_optimizer_value"
    if not momentum < 1.0:  # NaN too
        yield Problem(
            "error",
            f"momentum_optimizer_value is {momentum:g}",
            field,
            "the steps never settle: from 1 on past gradients are summed up without end",
            "momentum_optimizer_value: 0.9",
        )
    elif momentum <= 0.0:
        yield Problem(
            "warning",
            f"momentum_optimizer_value is {momentum:g}",
            field,
            "every recipe of these detectors has 0.9; without it a step is ten times shorter in the long run",
            "momentum_optimizer_value: 0.9",
        )


def epsilon_suits_the_rate(subject: Subject) -> Iterator[Problem]:
    """The epsilon of RMSProp and Adam bounds how far a small gradient is blown up."""
    optimizer = _message(subject)
    if optimizer is None or subject.optimizer == "momentum_optimizer":
        return
    block = f"train_config.optimizer.{subject.optimizer}"
    field, epsilon = f"{block}.epsilon", optimizer.epsilon
    if not epsilon >= 0.0:
        yield Problem(
            "error",
            f"epsilon is {epsilon:g}",
            field,
            "what a gradient is divided by turns negative, or its root is NaN",
            f"epsilon: {'1.0' if subject.optimizer == 'rms_prop_optimizer' else '1e-8'}",
        )
    elif epsilon == 0.0:
        yield Problem(
            "warning",
            "epsilon is 0",
            field,
            "a weight whose gradient stays 0 is divided by 0, and becomes NaN",
            f"epsilon: {'1.0' if subject.optimizer == 'rms_prop_optimizer' else '1e-8'}",
        )
    elif subject.optimizer == "adam_optimizer":
        if epsilon >= _LARGE_ADAM_EPSILON:
            yield Problem(
                "warning",
                f"epsilon of Adam is {epsilon:g}",
                field,
                "it outweighs the gradients' own size, so Adam learns far slower than its rate says",
                "epsilon: 1e-8",
            )
    else:
        yield from _rms_prop(subject, optimizer, block)


def _rms_prop(subject: Subject, optimizer: Any, block: str) -> Iterator[Problem]:
    schedule = active_schedule(subject.config)
    if optimizer.epsilon < _SMALL_EPSILON and schedule and schedule.peak > _RATE_FOR_SMALL_EPSILON:
        yield Problem(
            "warning",
            f"epsilon of RMSProp is {optimizer.epsilon:g}, with a rate of {schedule.peak:g}",
            f"{block}.epsilon",
            "TF1's detectors were trained with 1.0, which makes RMSProp plain momentum; with a small epsilon "
            "each step is as long as the rate, many times longer",
            "epsilon: 1.0, or a rate of 0.0001",
        )
    elif not optimizer.HasField("epsilon"):
        yield Problem(
            "info",
            "epsilon of RMSProp is not set, so it is 1.0",
            block,
            "not 1e-7 as elsewhere: it makes RMSProp plain momentum, and rates of other programs too low",
            "nothing to do, if the rate is one of the Object Detection API",
        )
    if not 0.0 <= optimizer.decay <= 1.0:
        yield Problem(
            "error",
            f"decay of RMSProp is {optimizer.decay:g}",
            f"{block}.decay",
            "it is the part of the old mean square that stays: outside of 0 to 1 that turns negative",
            "decay: 0.9",
        )
    elif optimizer.decay == 1.0:
        yield Problem(
            "warning",
            "decay of RMSProp is 1",
            f"{block}.decay",
            "the mean squares never change from 1, so the rate adapts to nothing",
            "decay: 0.9",
        )


def gradients_are_clipped(subject: Subject) -> Iterator[Problem]:
    """With a high rate one odd picture can throw the weights far off; clipping bounds the step."""
    training, field = subject.training, "train_config.gradient_clipping_by_norm"
    schedule, batch = active_schedule(subject.config), max(subject.training.batch_size, 1)
    if training.gradient_clipping_by_norm < 0:
        yield Problem(
            "warning",
            f"gradient_clipping_by_norm is {training.gradient_clipping_by_norm:g}",
            field,
            "a norm is not negative: nothing is clipped",
            "gradient_clipping_by_norm: 10.0, or remove it",
        )
    elif (
        training.gradient_clipping_by_norm == 0
        and schedule is not None
        and schedule.is_high(batch)
        and not schedule.is_too_high(batch)  # lowering the rate, as CFG012 says, cures this too
    ):
        yield Problem(
            "warning",
            f"gradients are not clipped, with a learning rate of {schedule.peak:g}",
            field,
            "at such a rate one odd picture can throw the weights far off",
            "gradient_clipping_by_norm: 10.0, or a lower rate",
        )


def moving_averages_are_understood(subject: Subject) -> Iterator[Problem]:
    """Two fields decide together whether averages are exported; the decay says what they hold."""
    optimizer, asked = subject.training.optimizer, subject.evaluation.use_moving_averages
    kept = subject.optimizer is not None and optimizer.use_moving_average
    decay, steps = optimizer.moving_average_decay, subject.training.num_steps
    if kept and not 0.0 <= decay < 1.0:
        yield Problem(
            "error" if asked else "warning",
            f"moving_average_decay is {decay:g}",
            "train_config.optimizer.moving_average_decay",
            "such averages never move from the initial values, or run away"
            + ("; they are what is exported" if asked else ""),
            "0.9999 for a training of many thousand steps, 0.99 for one of a thousand"
            if asked
            else "take the checkpoint's raw values: model.weights: raw in the detector's YAML",
        )
    elif kept and asked and steps and decay**steps > _MOST_OF_THE_START:
        yield Problem(
            "warning",
            f"moving_average_decay is {decay:g}, with {steps} steps",
            "train_config.optimizer.moving_average_decay",
            f"{decay**steps:.0%} of an average, which is what is exported, are the weights before training",
            f"moving_average_decay: {_decay_for(steps):.6g}, or use_moving_averages: false in eval_config",
        )
    elif kept and not asked and optimizer.HasField("use_moving_average"):
        yield Problem(
            "info",
            "use_moving_average is true, but use_moving_averages of eval_config is not",
            "train_config.optimizer.use_moving_average",
            "TF1's exporter took the raw values then, so no averages are kept",
            "nothing to do, or use_moving_averages: true in eval_config to export averages",
        )
    if subject.checkpoint is None:
        if asked and subject.optimizer is not None and not optimizer.use_moving_average:
            yield Problem(
                "warning",
                "evaluation takes moving averages, but training keeps none",
                "eval_config.use_moving_averages",
                "the raw values are converted, evaluated and exported",
                "use_moving_averages: false, unless the checkpoint is of another training",
            )
    elif subject.checkpoint.kind != "classification" and asked != subject.checkpoint.averages:
        yield Problem(
            "info",
            f"use_moving_averages is {str(asked).lower()}, but the checkpoint holds "
            + ("no averages" if asked else "moving averages too"),
            "eval_config.use_moving_averages",
            "the raw values are converted",
            "nothing to do, if TF1 exported raw values"
            + _unless(asked, "; else model.weights: averages in the detector's YAML"),
        )


def _decay_for(steps: int) -> float:
    """A decay that lets the start fade within a tenth of the training, but no faster than 0.9."""
    return float(max(0.9, 1.0 - 30.0 / steps))


def _unless(known: bool, text: str) -> str:
    return "" if known else text


def _message(subject: Subject) -> Any | None:
    return None if subject.optimizer is None else getattr(subject.training.optimizer, subject.optimizer)


RULES = (
    Rule(
        "CFG019",
        "optimizer",
        optimizer_is_there,
        ("warning",),
        "train_config { batch_size: 8 }  # and no optimizer",
        "Add an optimizer with a learning rate, or name both in the detector's YAML.",
    ),
    Rule(
        "CFG048",
        "momentum",
        momentum_is_usable,
        ("error", "warning"),
        "momentum_optimizer_value: 0.0",
        "Use 0.9.",
    ),
    Rule(
        "CFG049",
        "epsilon and decay of RMSProp and Adam",
        epsilon_suits_the_rate,
        ("error", "warning", "info"),
        "rms_prop_optimizer { epsilon: 1e-8 }  # with a rate of 0.004",
        "RMSProp: epsilon 1.0 and decay 0.9, as TF1's detectors have; Adam: epsilon 1e-8.",
    ),
    Rule(
        "CFG050",
        "gradient clipping",
        gradients_are_clipped,
        ("warning",),
        "learning_rate_base: 0.02  # and no gradient_clipping_by_norm",
        "Set gradient_clipping_by_norm: 10.0, or lower the rate.",
    ),
    Rule(
        "CFG054",
        "moving averages of the weights",
        moving_averages_are_understood,
        ("error", "warning", "info"),
        "moving_average_decay: 0.9999  # with num_steps: 400 and use_moving_averages: true",
        "Use a lower decay, or export raw values. model.weights in the YAML says what is converted.",
    ),
)
