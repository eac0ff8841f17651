"""The nodes of a retraining, in order, and what each reads of a run's inputs.

Both environments import this.
"""

from __future__ import annotations

from typing import Literal, get_args

Node = Literal["ExampleGen", "ConfigValidator", "CheckpointConverter", "Trainer", "Evaluator", "Pusher"]
NODES: tuple[str, ...] = get_args(Node)

# By the roles in a plan's `inputs.contents`; a node refuses to start when they are not what was planned.
READS: dict[str, tuple[str, ...]] = {
    "ExampleGen": ("train", "eval", "test", "label_map"),
    "ConfigValidator": (
        "pipeline_config",
        "label_map",
        "train",
        "eval",
        "test",
        "checkpoint",
        "original_config",
    ),
    "CheckpointConverter": ("checkpoint", "model_label_map"),
    "Trainer": (),
    "Evaluator": ("model_label_map", "old_eval", "slices"),
    "Pusher": (),
}
