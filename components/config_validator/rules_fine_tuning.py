"""Rules about what is taken over from the checkpoint, and which variables train."""

from __future__ import annotations

import re
from collections.abc import Iterator

from components.config_validator.findings import Change
from components.config_validator.subject import Problem, Rule, Subject

_TYPE = "train_config.fine_tune_checkpoint_type"
_VERSION = "train_config.fine_tune_checkpoint_version"
_LOAD_ALL = "train_config.load_all_detection_checkpoint_vars"
# A pattern that repeats a group, or repeats much, may take forever to match: it is not tried.
_REPEATED_GROUP = re.compile(r"\)[*+{]")
_MOST_REPEATS = 4
_CHECKPOINT_TYPES = ("", "detection", "fine_tune", "full")


def checkpoint_type_is_known(subject: Subject) -> Iterator[Problem]:
    """fine_tune_checkpoint_type says what TF1 restored; here every block that fits is taken over."""
    training, checkpoint = subject.training, subject.checkpoint
    kind = training.fine_tune_checkpoint_type
    is_detector = checkpoint is not None and checkpoint.kind != "classification"
    if training.HasField("from_detection_checkpoint"):
        kind = kind or ("detection" if training.from_detection_checkpoint else "classification")
        kind = "detection" if is_detector and kind == "classification" else kind
        clear = Change(field="train_config.from_detection_checkpoint")
        yield Problem(
            "info",
            "from_detection_checkpoint is an old name",
            clear.field,
            "fine_tune_checkpoint_type took its place in 2018",
            f'fine_tune_checkpoint_type: "{kind}"',
            (clear, Change(field=_TYPE, value=kind)),
        )
    elif kind == "classification" and is_detector:
        yield Problem(
            "info",
            'fine_tune_checkpoint_type is "classification", but the checkpoint is a detector\'s',
            _TYPE,
            "every block of the checkpoint that fits is taken over all the same",
            'fine_tune_checkpoint_type: "detection"',
            (Change(field=_TYPE, value="detection"),),
        )
    elif kind == "classification" and checkpoint is None:
        yield Problem(
            "warning",
            'fine_tune_checkpoint_type is "classification"',
            _TYPE,
            "a recipe that starts from an ImageNet backbone; a detector is upcycled from its own checkpoint",
            "give the detector's checkpoint: the converter takes over every block that fits",
        )
    if kind not in (*_CHECKPOINT_TYPES, "classification"):
        yield Problem(
            "error",
            f"fine_tune_checkpoint_type is {kind!r}",
            _TYPE,
            'TF1 knows "detection" and "classification"',
            'fine_tune_checkpoint_type: "detection"',
        )
    elif checkpoint is not None and not is_detector and kind != "classification":
        yield Problem(
            "error",
            f"the checkpoint is a classifier's, but fine_tune_checkpoint_type is {kind!r}",
            _TYPE,
            "it has no box predictor: the heads would start from random values, which takes consent",
            'give the detector\'s checkpoint, or fine_tune_checkpoint_type: "classification"',
        )


def checkpoint_version_is_the_checkpoints(subject: Subject) -> Iterator[Problem]:
    """V1 stands for checkpoints of TF1, V2 for those of TF2, whatever program reads them."""
    training, checkpoint = subject.training, subject.checkpoint
    if checkpoint is None or checkpoint.kind == "classification":
        return
    if not training.HasField("fine_tune_checkpoint_version"):
        return
    enum = training.DESCRIPTOR.fields_by_name["fine_tune_checkpoint_version"].enum_type
    version = enum.values_by_number[training.fine_tune_checkpoint_version].name
    wanted = "V2" if checkpoint.kind == "tf2" else "V1"
    if version != wanted:
        yield Problem(
            "info",
            f"fine_tune_checkpoint_version is {version}, but the checkpoint is one of TF{wanted[1]}",
            _VERSION,
            "it has no effect here: the checkpoint itself says which it is",
            f"fine_tune_checkpoint_version: {wanted}",
            (Change(field=_VERSION, value=wanted),),
        )


def all_variables_are_loaded_anyway(subject: Subject) -> Iterator[Problem]:
    """load_all_detection_checkpoint_vars decided whether TF1 restored the heads too; here they always are."""
    training = subject.training
    if not training.HasField("load_all_detection_checkpoint_vars"):
        return
    kind = training.fine_tune_checkpoint_type
    old_name = training.HasField("from_detection_checkpoint") and not training.from_detection_checkpoint
    classifier = subject.checkpoint is not None and subject.checkpoint.kind == "classification"
    wants_classifier = classifier or kind == "classification" or (not kind and old_name)
    if not training.load_all_detection_checkpoint_vars or not wants_classifier:
        yield Problem(
            "info",
            "load_all_detection_checkpoint_vars has no effect",
            _LOAD_ALL,
            "every block of the checkpoint that fits is taken over, the heads too",
            "nothing to do",
        )
    else:
        yield Problem(
            "warning",
            "load_all_detection_checkpoint_vars is set for a classifier's checkpoint",
            _LOAD_ALL,
            "a classifier has no detection variables to load: one of the two is a mistake",
            'remove it, or give a detector\'s checkpoint and fine_tune_checkpoint_type: "detection"',
        )


def patterns_find_variables(subject: Subject) -> Iterator[Problem]:
    """freeze_variables and update_trainable_variables are regular expressions that must find variables."""
    names = _trainable_names(subject)
    for name in ("freeze_variables", "update_trainable_variables"):
        field = f"train_config.{name}"
        for pattern in getattr(subject.training, name):
            try:
                compiled = re.compile(pattern)
            except (re.error, OverflowError, RecursionError) as error:
                yield Problem(
                    "error",
                    f"{name} has {pattern!r}, not a regular expression: {error}",
                    field,
                    "it is matched against the names of the TF1 variables",
                    "escape its special characters with \\\\",
                )
                continue
            can_try = (
                not _REPEATED_GROUP.search(pattern) and len(re.findall("[*+{]", pattern)) <= _MOST_REPEATS
            )
            if names and can_try and not any(compiled.search(variable) for variable in names):
                yield Problem(
                    "error",
                    f"{name} has {pattern!r}, which matches no variable of the checkpoint",
                    field,
                    "training stops at a pattern that does nothing",
                    f"patterns are searched in names such as {names[0]}",
                )
            elif name == "freeze_variables" and compiled.search(""):
                yield Problem(
                    "error",
                    f"{name} has {pattern!r}, which matches every variable",
                    field,
                    "with every variable frozen there is nothing to train",
                    "freeze the backbone alone, such as FeatureExtractor/",
                )


def _trainable_names(subject: Subject) -> list[str]:
    """TF1 names of a detector's trainable variables; empty where the checkpoint doesn't say."""
    if subject.checkpoint is None or subject.checkpoint.kind != "detection":
        return []
    return sorted(
        n for n in subject.checkpoint.variables if not n.endswith(("/moving_mean", "/moving_variance"))
    )


RULES = (
    Rule(
        "CFG015",
        "fine_tune_checkpoint_type",
        checkpoint_type_is_known,
        ("error", "warning", "info"),
        "from_detection_checkpoint: true",
        'Write fine_tune_checkpoint_type: "detection", and give the detector\'s own checkpoint.',
        safe=True,
    ),
    Rule(
        "CFG017",
        "patterns of variables",
        patterns_find_variables,
        ("error",),
        'freeze_variables: "Feature(Extractor"',
        "Write regular expressions that find some of the TF1 variables, but not all.",
    ),
    Rule(
        "CFG040",
        "fine_tune_checkpoint_version",
        checkpoint_version_is_the_checkpoints,
        ("info",),
        "fine_tune_checkpoint_version: V2  # with a checkpoint of TF1",
        "Write V1 for a checkpoint of TF1, V2 for one of TF2.",
        safe=True,
    ),
    Rule(
        "CFG041",
        "load_all_detection_checkpoint_vars",
        all_variables_are_loaded_anyway,
        ("warning", "info"),
        'load_all_detection_checkpoint_vars: true  # with fine_tune_checkpoint_type: "classification"',
        "Remove it: every block of the checkpoint that fits is taken over.",
    ),
)
