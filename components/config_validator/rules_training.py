"""Rules about train_config, but for its learning rate: will these settings fine-tune on this machine?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from components.config_validator.findings import Change
from components.config_validator.subject import Problem, Subject
from detection.config.architectures import AUGMENTATIONS

_LARGE_BATCH = 64
_CHECKPOINT_TYPES = ("", "detection", "fine_tune", "full")
_DISTRIBUTED = ("sync_replicas", "replicas_to_aggregate", "startup_delay_steps", "use_bfloat16")


def batch_size_is_usable(subject: Subject) -> Iterator[Problem]:
    """A batch must fit one machine, and give the gradient some company."""
    batch, field = subject.config.train_config.batch_size, "train_config.batch_size"
    if batch < 1:
        yield Problem("error", f"batch_size is {batch}", field, "a step needs a picture", "batch_size: 8")
    elif batch > _LARGE_BATCH:
        yield Problem(
            "warning",
            f"batch_size is {batch}",
            field,
            "a recipe for many accelerators: on one machine it may not fit the memory",
            "batch_size: 8 to 32, with the learning rate divided by as much",
        )


def checkpoint_type_is_known(subject: Subject) -> Iterator[Problem]:
    """fine_tune_checkpoint_type says what TF1 restored; here every block that fits is taken over."""
    training = subject.config.train_config
    field, kind = "train_config.fine_tune_checkpoint_type", training.fine_tune_checkpoint_type
    if training.HasField("from_detection_checkpoint"):
        wanted = "detection" if training.from_detection_checkpoint else "classification"
        clear = Change(field="train_config.from_detection_checkpoint")
        yield Problem(
            "info",
            "from_detection_checkpoint is an old name",
            clear.field,
            "fine_tune_checkpoint_type took its place in 2018",
            f'fine_tune_checkpoint_type: "{kind or wanted}"',
            (clear, Change(field=field, value=kind or wanted)),
        )
    if kind == "classification":
        yield Problem(
            "warning",
            'fine_tune_checkpoint_type is "classification"',
            field,
            "a recipe that starts from an ImageNet backbone; a detector is upcycled from its own checkpoint",
            "give the detector's checkpoint: the converter takes over every block that fits",
        )
    elif kind not in _CHECKPOINT_TYPES:
        yield Problem(
            "error",
            f"fine_tune_checkpoint_type is {kind!r}",
            field,
            'TF1 knows "detection" and "classification"',
            'fine_tune_checkpoint_type: "detection"',
        )


def augmentations_are_applied(subject: Subject) -> Iterator[Problem]:
    """Names the augmentations that training does not have."""
    options = subject.config.train_config.data_augmentation_options
    names = [option.WhichOneof("preprocessing_step") for option in options]
    for name in dict.fromkeys(n for n in names if n and n not in AUGMENTATIONS):
        yield Problem(
            "warning",
            f"{name} is not applied",
            f"train_config.data_augmentation_options.{name}",
            "training runs without it, so the pictures vary less than the config says",
            f"remove it, or use one of {', '.join(sorted(AUGMENTATIONS))}",
        )


def patterns_are_regular_expressions(subject: Subject) -> Iterator[Problem]:
    """freeze_variables and update_trainable_variables are regular expressions."""
    for name in ("freeze_variables", "update_trainable_variables"):
        for pattern in getattr(subject.config.train_config, name):
            try:
                re.compile(pattern)
            except re.error as error:
                yield Problem(
                    "error",
                    f"{name} has {pattern!r}, not a regular expression: {error}",
                    f"train_config.{name}",
                    "it is matched against the names of the TF1 variables",
                    "escape its special characters with \\\\",
                )


def distributed_settings_are_ignored(subject: Subject) -> Iterator[Problem]:
    """Names the settings of TF1's distributed and TPU training."""
    training = subject.config.train_config
    for name in (n for n in _DISTRIBUTED if training.HasField(n) and getattr(training, n)):
        yield Problem(
            "info",
            f"{name} has no effect",
            f"train_config.{name}",
            "training runs in one process on one machine",
            "nothing to do",
        )
