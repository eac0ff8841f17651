"""Starts a detector from a classification checkpoint of its backbone, as slim publishes them.

Source: restore_from_classification_checkpoint_fn of the feature extractors (ssd_meta_arch.py and
faster_rcnn_meta_arch.py): a backbone's variable has the detector's name without the extractor's scope.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from components.checkpoint_converter.inspect import EXTRACTOR_SCOPE
from components.checkpoint_converter.restore import Restored
from components.checkpoint_converter.sources import TF1Variables
from detection.blocks import block_of
from detection.errors import BadInput
from detection.tf1.names import tf1_name

# the OD API's second stage counts its repeated units from the start again, slim's classifier goes on counting
_SECOND_STAGE_REPEAT = re.compile(r"^SecondStageFeatureExtractor/InceptionResnetV2/Repeat/")
_CLASSIFIER = re.compile(r"/(Logits|logits|AuxLogits|predictions|global_pool)\b")
_FRESH = "a classification checkpoint has a backbone only: initial value"


def classifier_name(name: str) -> str:
    """What slim's classifier calls the variable that a detector's backbone calls `name`."""
    return EXTRACTOR_SCOPE.sub("", _SECOND_STAGE_REPEAT.sub("InceptionResnetV2/Repeat_2/", name))


def as_detector(variables: TF1Variables, model: Any, config: Any, notes: list[str]) -> TF1Variables:
    """All variables of `model`, a built detector: its backbone from the classifier, the rest as it is.

    What the classifier has not is named in `fresh`, what the detector does not use in `ignored`. BadInput
    unless config.train_config asks for a classification checkpoint, and if part of the backbone finds no
    value.
    """
    _require_consent(config.train_config, variables.path)
    arrays, fresh, used, lost = {}, {}, set(), {}
    for variable in model.weights:
        name = tf1_name(variable.path, model.name)
        source = classifier_name(name)
        if source in variables and variables[source].shape == tuple(variable.shape):
            arrays[name] = variables[source]
            used.add(source)
        elif block_of(name) == "backbone":
            lost[name] = (
                f"shape {variables[source].shape} in the checkpoint, {tuple(variable.shape)} in the model"
                if source in variables
                else "not in the checkpoint"
            )
        else:
            arrays[name] = variable.numpy()
            fresh[name] = _FRESH
    if lost:
        raise _backbone_lost(lost, variables.path)
    ignored = dict(variables.ignored)
    for name in set(variables) - used:
        classifier = _CLASSIFIER.search(name)
        ignored[name] = (
            "the classifier's own output layer" if classifier else "a layer that the detector does not use"
        )
    notes.append(
        f"started from a classification checkpoint: {len(arrays) - len(fresh)} variables of the backbone"
    )
    return replace(variables, arrays=arrays, ignored=ignored, fresh=fresh)


def mark_fresh(restored: Restored, fresh: Mapping[str, str]) -> Restored:
    """`restored` with the variables in `fresh` (name: reason) counted as fresh, not as loaded."""
    if not fresh:
        return restored
    loaded = tuple(variable for variable in restored.loaded if variable.name not in fresh)
    initial = tuple(
        variable.model_copy(update={"state": "fresh", "reason": fresh[variable.name], "hash_before": None})
        for variable in restored.loaded
        if variable.name in fresh
    )
    return replace(restored, loaded=loaded, fresh=restored.fresh + initial)


def _require_consent(train_config: Any, source: str) -> None:
    kind = train_config.fine_tune_checkpoint_type
    if not kind and train_config.HasField("from_detection_checkpoint"):
        kind = "detection" if train_config.from_detection_checkpoint else "classification"
    if kind != "classification":
        raise BadInput(
            "this is a classification checkpoint: it has no box predictor, so the detector's heads would "
            "start from random values",
            source,
            'give a detector\'s checkpoint, or set train_config.fine_tune_checkpoint_type: "classification"',
        )


def _backbone_lost(lost: dict[str, str], source: str) -> BadInput:
    first = next(iter(lost))
    return BadInput(
        f"{len(lost)} variables of the backbone found no value; first {first}: {lost[first]}",
        source,
        "give the classification checkpoint of the config's backbone: the same network and depth_multiplier",
    )
