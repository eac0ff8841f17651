"""Rules about batch norm: whose statistics it uses, and the numbers that must be the checkpoint's."""

from __future__ import annotations

import math
from collections.abc import Iterator

from components.config_validator.subject import Problem, Rule, Subject
from detection.config.find_messages import find_messages

_TINY_BATCH = 4
_LARGE_BATCH = 32
_LARGE_EPSILON = 0.1


def batch_norm_suits_the_batch(subject: Subject) -> Iterator[Problem]:
    """Statistics of a few pictures are noise, and with many pictures frozen ones are a choice to know of."""
    batch = subject.training.batch_size
    if batch < 1 or (switch := _switch(subject)) is None:
        return
    field, trains, is_set = switch
    if trains and batch < _TINY_BATCH:
        yield Problem(
            "info",
            f"batch norm is set to train, with batches of {batch}",
            field,
            f"statistics of {batch} picture{'s' * (batch > 1)} are noise: the model would serve worse than "
            "it trains. Here batch norm is frozen unless the detector's YAML says otherwise",
            "leave train.train_batch_norm out",
        )
    elif not trains and is_set and batch >= _LARGE_BATCH:
        yield Problem(
            "info",
            f"batch norm is frozen, with batches of {batch}",
            field,
            "batches this large could teach it the statistics of the new pictures",
            "nothing to do, if they look like the old ones",
        )


def batch_norm_numbers_are_usable(subject: Subject) -> Iterator[Problem]:
    """epsilon and decay are part of the model: other values compute something else from the same weights."""
    before_it = subject.original.model if subject.original is not None else None
    original = {} if before_it is None else dict(find_messages("BatchNorm", before_it, "model"))
    for field, norm in find_messages("BatchNorm", subject.config.model, "model"):
        before = original.get(field)
        if not norm.epsilon > 0.0:
            yield Problem(
                "error",
                f"epsilon of batch norm is {norm.epsilon:g}",
                f"{field}.epsilon",
                "a channel that is always 0 has the variance 0, and is divided by 0",
                "epsilon: 0.001, or what the config of the training says",
            )
        elif before is not None and not math.isclose(before.epsilon, norm.epsilon, rel_tol=1e-4):
            yield Problem(
                "warning",
                f"epsilon of batch norm is {norm.epsilon:g}, in the checkpoint's config {before.epsilon:g}",
                f"{field}.epsilon",
                "it is part of the model: the same weights give other detections",
                f"epsilon: {before.epsilon:g}",
            )
        elif norm.epsilon >= _LARGE_EPSILON:
            yield Problem(
                "warning",
                f"epsilon of batch norm is {norm.epsilon:g}",
                f"{field}.epsilon",
                "it outweighs the variance of many channels; TF1's detectors have 0.001",
                "epsilon: 0.001, or what the config of the training says",
            )
        if not 0.0 <= norm.decay < 1.0:
            yield Problem(
                "warning",
                f"decay of batch norm is {norm.decay:g}",
                f"{field}.decay",
                "it is the part of the moving statistics that stays: 1 or more never lets them settle",
                "decay: 0.997",
            )


def _switch(subject: Subject) -> tuple[str, bool, bool] | None:
    """The field that says whether batch norm trains, whether it does, and whether the config says so."""
    if subject.ssd is not None:
        norms = [norm for _, norm in find_messages("BatchNorm", subject.ssd.feature_extractor, "")]
        trains = not subject.ssd.freeze_batchnorm and all(norm.train for norm in norms)
        return "model.ssd.freeze_batchnorm", trains, subject.ssd.freeze_batchnorm
    if subject.faster_rcnn is not None:
        extractor = subject.faster_rcnn.feature_extractor
        field = "model.faster_rcnn.feature_extractor.batch_norm_trainable"
        return field, extractor.batch_norm_trainable, extractor.HasField("batch_norm_trainable")
    return None


RULES = (
    Rule(
        "CFG051",
        "batch norm against the batch size",
        batch_norm_suits_the_batch,
        ("info",),
        "batch_size: 2  # and no freeze_batchnorm: true",
        "Keep batch norm frozen below 16 pictures a step, as training does by itself.",
    ),
    Rule(
        "CFG052",
        "epsilon and decay of batch norm",
        batch_norm_numbers_are_usable,
        ("error", "warning"),
        "batch_norm { epsilon: 0.0 }",
        "Take the values of the config that the checkpoint was trained with.",
    ),
)
