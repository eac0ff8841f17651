"""Rules about the height of the learning rate: by itself, against the checkpoint's training, and by batch."""

from __future__ import annotations

import math
from collections.abc import Iterator

from components.config_validator.learning_rate import Schedule, active_schedule, fine_tuning_peak
from components.config_validator.subject import Problem, Rule, Subject

# Highest momentum rate for one picture of a batch in the TF1 and TF2 zoos' recipes for training on COCO.
_ZOO_RATE_A_PICTURE = {"ssd": 0.0016, "faster_rcnn": 0.0007}
_ROUNDING = 1.001  # protos hold float32
_ROOM = 2.0  # a rate this many times too high is worth a word; less is within what people choose


def learning_rate_suits_fine_tuning(subject: Subject) -> Iterator[Problem]:
    """Rates of training from scratch destroy what the checkpoint knows."""
    if (schedule := active_schedule(subject.config)) is None:
        return
    batch = max(subject.training.batch_size, 1)
    advised = _advised(subject, fine_tuning_peak(schedule.optimizer, batch) / 2)
    if not schedule.peak > 0 or math.isinf(schedule.peak):  # NaN too
        yield Problem(
            "error",
            f"the learning rate is {schedule.peak:g}",
            schedule.peak_field,
            "every weight becomes NaN" if schedule.peak > 0 else "nothing would be learned",
            f"a rate such as {advised:.2g}",
        )
    elif schedule.is_too_high(batch):
        yield Problem(
            "warning",
            f"the learning rate reaches {schedule.peak:g} with {schedule.optimizer} and batches of {batch}",
            schedule.peak_field,
            "for fine-tuning this is high: the loss may climb, then turn to NaN",
            f"a rate of {advised:.2g} or less (train.learning_rate of the detector's YAML)",
        )


def learning_rate_is_below_the_originals(subject: Subject) -> Iterator[Problem]:
    """Fine-tuning starts from what the original training ended with, so it wants a lower rate."""
    schedule, original = _judged(subject), _original(subject)
    if schedule is None or original is None:
        return
    before, batch_before = original
    if schedule.peak > (allowed := _allowed_by_the_original(subject, before, batch_before)) * _ROUNDING:
        yield Problem(
            "warning",
            f"the learning rate reaches {schedule.peak:g}, in the original training {before.peak:g}"
            f" with batches of {batch_before}",
            schedule.peak_field,
            "fine-tuning wants a lower rate than the training before it, or it forgets that one",
            f"a rate of {_advised(subject, allowed / 3):.2g} or less (train.learning_rate of the YAML)",
        )


def learning_rate_goes_with_the_batch(subject: Subject) -> Iterator[Problem]:
    """By the linear rule a smaller batch wants a rate smaller by as much: its gradient is noisier."""
    schedule, linear, original = _judged(subject), _linear_rule(subject), _original(subject)
    if schedule is None or linear is None:
        return
    if original is not None and schedule.peak > _allowed_by_the_original(subject, *original) * _ROUNDING:
        return  # CFG045 has said so
    rate, source = linear
    batch = subject.training.batch_size
    if schedule.peak > _ROOM * rate * batch:
        yield Problem(
            "warning",
            f"the learning rate reaches {schedule.peak:g} with batches of {batch}; it is {source}",
            schedule.peak_field,
            "the gradient of a small batch is noisy: at this rate the loss may climb, then turn to NaN",
            f"a rate of {rate * batch:.2g}, or larger batches",
        )


def _allowed_by_the_original(subject: Subject, before: Schedule, batch_before: int) -> float:
    """The original rate, or more with a larger batch; that a smaller one wants a lower rate is CFG046's."""
    return before.peak * max(1.0, subject.training.batch_size / batch_before)


def _linear_rule(subject: Subject) -> tuple[float, str] | None:
    """The rate for one picture of a batch and where it is from; None where no rule is known, as for Adam."""
    if subject.optimizer == "adam_optimizer":
        return None
    if (original := _original(subject)) is not None:
        before, batch = original
        return before.peak / batch, f"{before.peak:g} with {batch} in the original training"
    if subject.optimizer == "momentum_optimizer" and subject.kind in _ZOO_RATE_A_PICTURE:
        rate = _ZOO_RATE_A_PICTURE[subject.kind]
        return rate, f"at most {32 * rate:.2g} with 32 in the model zoo's own recipes"
    return None


def _advised(subject: Subject, rate: float) -> float:
    """`rate`, or what the linear rule gives where that is lower."""
    linear = _linear_rule(subject)
    return rate if linear is None else min(rate, linear[0] * max(subject.training.batch_size, 1))


def _judged(subject: Subject) -> Schedule | None:
    """The schedule, unless batch or rate are what CFG011 and CFG012 speak of."""
    schedule, batch = active_schedule(subject.config), subject.training.batch_size
    if schedule is None or batch < 1 or not schedule.peak > 0:
        return None
    return None if schedule.is_too_high(batch) else schedule


def _original(subject: Subject) -> tuple[Schedule, int] | None:
    """The schedule and batch size of the checkpoint's own training, if its optimizer was of the same kind."""
    if subject.original is None:
        return None
    schedule, batch = active_schedule(subject.original), subject.original.train_config.batch_size
    if schedule is None or schedule.optimizer != subject.optimizer or batch < 1 or not schedule.peak > 0:
        return None
    return schedule, int(batch)


RULES = (
    Rule(
        "CFG012",
        "learning rate",
        learning_rate_suits_fine_tuning,
        ("error", "warning"),
        "cosine_decay_learning_rate { learning_rate_base: 0.08 }",
        "Set a rate for fine-tuning, in pipeline.config or as train.learning_rate of the detector's YAML.",
    ),
    Rule(
        "CFG045",
        "learning rate against the original training",
        learning_rate_is_below_the_originals,
        ("warning",),
        "initial_learning_rate: 0.001  # 0.0003 in the pipeline.config beside the checkpoint",
        "Take a third to a tenth of the original rate.",
    ),
    Rule(
        "CFG046",
        "learning rate against the batch size",
        learning_rate_goes_with_the_batch,
        ("warning",),
        "batch_size: 2  # with the rate 0.02 of a recipe for batches of 64",
        "Change the rate by the same factor as the batch size.",
    ),
)
