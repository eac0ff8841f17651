"""Rules about settings of TF1's training that are not carried over: each is named, none left out silently."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from components.config_validator.rules_evaluation import BOXES_IN_TRAINING
from components.config_validator.subject import Problem, Rule, Subject

_DISTRIBUTED = ("sync_replicas", "replicas_to_aggregate", "startup_delay_steps")
_TPU = {
    "train_config": ("use_bfloat16",),
    "model.ssd": ("inplace_batchnorm_update",),
    "model.faster_rcnn": (
        "inplace_batchnorm_update",
        "use_matmul_gather_in_matcher",
        "use_static_balanced_label_sampler",
        "use_static_shapes",
        "use_static_shapes_for_eval",
    ),
}
_QUEUES = (
    "batch_queue_capacity",
    "keep_checkpoint_every_n_hours",
    "num_batch_queue_threads",
    "prefetch_queue_capacity",
    "retain_original_images",
    "run_fine_tune_checkpoint_dummy_computation",
    "summarize_gradients",
)
_CONTEXT = "load_context_features"  # a Context R-CNN has them loaded, whatever it says
# Settings that changed what TF1 learned, with the value that changes nothing, by block.
_LEARNED: dict[str, dict[str, tuple[int, ...]]] = {
    "train_config": {
        "merge_multiple_label_boxes": (0,),
        "use_multiclass_scores": (0,),
    },
    "train_input_reader": {
        "expand_labels_hierarchy": (0,),
        _CONTEXT: (0,),
        "load_multiclass_scores": (0,),
        "num_additional_channels": (0,),
        "sample_1_of_n_examples": (0, 1),
    },
}
# What is done anyway: training shuffles without end, evaluation takes each picture once, in order.
_DONE_ANYWAY = {
    "train_input_reader": {"shuffle": True, "num_epochs": 0},
    "eval_input_reader": {"shuffle": False, "num_epochs": 1},
}
_READERS_OWN = ("label_map_path", "load_instance_masks", "name", "tf_record_input_reader")  # of other rules


def distributed_settings_are_ignored(subject: Subject) -> Iterator[Problem]:
    """Training runs in one process, so the settings of TF1's distributed training have no effect."""
    training = subject.training
    for name in (n for n in _DISTRIBUTED if training.HasField(n) and getattr(training, n)):
        yield Problem(
            "info",
            f"{name} has no effect",
            f"train_config.{name}",
            "training runs in one process on one machine",
            "nothing to do",
        )


def tpu_settings_are_ignored(subject: Subject) -> Iterator[Problem]:
    """Settings that TPUs needed change nothing on a GPU or CPU."""
    fields = [
        f"{block}.{name}" for block, names in _TPU.items() for name in names if _is_set(subject, block, name)
    ]
    if (
        subject.training.HasField("unpad_groundtruth_tensors")
        and not subject.training.unpad_groundtruth_tensors
    ):
        fields.append("train_config.unpad_groundtruth_tensors")
    if fields:
        yield Problem(
            "info",
            f"for TPUs only: {', '.join(fields)}",
            fields[0],
            "training runs in float32 on a GPU or CPU; the model computes the same",
            "nothing to do",
        )


def settings_without_effect_are_named(subject: Subject) -> Iterator[Problem]:
    """A setting that is not carried over is named, never left out in silence."""
    for block, names in _LEARNED.items():
        message = getattr(subject.config, block)
        for name, harmless in names.items():
            if name == _CONTEXT and subject.is_context_rcnn:
                continue
            if message.HasField(name) and getattr(message, name) not in harmless:
                yield Problem(
                    "warning",
                    f"{name} is not applied",
                    f"{block}.{name}",
                    "TF1 trained with it, so this training differs from the config",
                    "remove it, if the training may go without",
                )
    boxes = subject.training.max_number_of_boxes
    if boxes > BOXES_IN_TRAINING:
        yield Problem(
            "warning",
            f"max_number_of_boxes is {boxes}, but training takes {BOXES_IN_TRAINING}",
            "train_config.max_number_of_boxes",
            "more objects of a picture are cut, and train as background",
            "nothing to do, if no picture has more; else cut such pictures into smaller ones",
        )
    fields = list(_without_effect(subject))
    if fields:
        yield Problem(
            "info",
            f"without effect: {', '.join(fields)}",
            fields[0],
            "data are read, shuffled and kept in checkpoints in a way of this project's own",
            "nothing to do",
        )


def _without_effect(subject: Subject) -> Iterator[str]:
    for name in _QUEUES:
        if subject.training.HasField(name):
            yield f"train_config.{name}"
    if 0 < subject.training.max_number_of_boxes < BOXES_IN_TRAINING:
        yield "train_config.max_number_of_boxes"
    yield from _reader_fields(
        subject.config.train_input_reader, "train_input_reader", _LEARNED["train_input_reader"]
    )
    for reader in subject.config.eval_input_reader[:1]:
        done = {_CONTEXT: ()} if subject.is_context_rcnn else {}
        yield from _reader_fields(reader, "eval_input_reader", done)


def _reader_fields(reader: Any, block: str, elsewhere: dict[str, Any]) -> Iterator[str]:
    for field, value in reader.ListFields():
        done = _DONE_ANYWAY[block].get(field.name) == value
        if not done and field.name not in (*_READERS_OWN, *elsewhere):
            yield f"{block}.{field.name}"


def _is_set(subject: Subject, block: str, name: str) -> bool:
    message = subject.config
    for part in block.split("."):
        if not message.HasField(part):
            return False
        message = getattr(message, part)
    return bool(getattr(message, name))


RULES = (
    Rule(
        "CFG018",
        "distributed training",
        distributed_settings_are_ignored,
        ("info",),
        "sync_replicas: true",
        "Nothing to do.",
    ),
    Rule(
        "CFG062",
        "settings for TPUs",
        tpu_settings_are_ignored,
        ("info",),
        "use_bfloat16: true",
        "Nothing to do.",
    ),
    Rule(
        "CFG063",
        "settings without effect",
        settings_without_effect_are_named,
        ("warning", "info"),
        "batch_queue_capacity: 150",
        "Nothing to do, but look at the ones that are warned of: TF1 learned otherwise with them.",
    ),
)
