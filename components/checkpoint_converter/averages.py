"""Chooses between a training checkpoint's raw values and their moving averages: one set, never a mixture."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

from components.checkpoint_converter.bookkeeping import OPTIMIZER_SLOT
from components.checkpoint_converter.sources import TF1Variables
from detection.errors import BadInput

Weights = Literal["config", "averages", "raw"]
_KERNELS = ("weights", "biases", "kernel", "bias")  # the ends of what every optimizer trains


def choose_weights(
    variables: TF1Variables, config: Any, weights: Weights
) -> tuple[TF1Variables, bool, list[str]]:
    """The variables of the set that is asked for, whether it is the averages, and notes for people.

    `weights` is "averages", "raw", or "config" for what eval_config.use_moving_averages says, as the TF1
    exporter does.

    BadInput if the averages are asked for and there are none, if a trained variable lacks its average (it
    would be mixed in raw), and for a choice on an exported model, where the exporter has made it.
    """
    if variables.kind not in ("checkpoint", "tf2_checkpoint"):
        return _exported(variables, config, weights)
    asked = config.eval_config.use_moving_averages if weights == "config" else weights == "averages"
    if asked and not variables.averages:
        if weights == "averages":
            raise BadInput(
                "the checkpoint holds no moving averages",
                variables.path,
                "take the raw values, or give a checkpoint of a training with use_moving_average",
            )
        note = "eval_config.use_moving_averages is true, but the checkpoint holds none: raw values were taken"
        return variables.for_inference(False), False, [note]
    if not asked:
        return variables.for_inference(False), False, []
    _require_all_averages(variables, config)
    note = f"{len(variables.averages)} variables take their moving average"
    return variables.for_inference(True), True, [note]


def _exported(variables: TF1Variables, config: Any, weights: Weights) -> tuple[TF1Variables, bool, list[str]]:
    if weights != "config":
        raise BadInput(
            f"{weights} values can't be chosen: an exported model holds one set, which the exporter chose",
            variables.path,
            "leave the choice out, or give the training checkpoint",
        )
    notes = []
    if config.eval_config.use_moving_averages:
        notes.append(
            "eval_config.use_moving_averages: the exporter has already put the averages into a "
            + variables.kind.replace("_", " ")
        )
    return variables.for_inference(False), False, notes


def _require_all_averages(variables: TF1Variables, config: Any) -> None:
    """Refuse a trained variable without its average: its raw value is not what the average would be."""
    trained, fix = _trained(variables, config)
    lacking = sorted(name for name in trained & set(variables) if name not in variables.averages)
    if lacking:
        raise BadInput(
            f"{len(lacking)} trained variables have no moving average, such as {lacking[0]}: "
            "their raw values would be mixed with the averages of the others",
            variables.path,
            f"take the raw values, or give a checkpoint that holds every average{fix}",
        )


def _trained(variables: TF1Variables, config: Any) -> tuple[set[str], str]:
    """The variables that training moved, and what else a user may do if that is wrong.

    A variable with an optimizer slot was trained. In a checkpoint whose slots were left out, all weights
    and biases were, but for those that the config froze.
    """
    slots = [name for name, reason in variables.ignored.items() if reason == OPTIMIZER_SLOT]
    if slots:
        return {name.rpartition("/")[0] for name in slots}, ""
    kernels = [name for name in variables if name.endswith(_KERNELS)]
    frozen = _matching(kernels, config.train_config.freeze_variables)
    only = config.train_config.update_trainable_variables
    trained = (_matching(kernels, only) if only else set(kernels)) - frozen
    return trained, "; name what was frozen in train_config.freeze_variables"


def _matching(names: list[str], patterns: Iterable[str]) -> set[str]:
    """The names in which one of the regular expressions is found, as TF-slim's filter_variables does."""
    try:
        return {name for name in names for pattern in patterns if re.search(pattern, name)}
    except re.error as error:
        raise BadInput(
            f"'{error.pattern!s}' is no regular expression: {error}",
            "train_config.freeze_variables or update_trainable_variables",
            "correct it",
        ) from error
