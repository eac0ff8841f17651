"""Facts about data and checkpoints for the rules' tests."""

from __future__ import annotations

from typing import Any

from components.config_validator.checkpoint_facts import CheckpointFacts
from components.config_validator.data_facts import DataFacts


def data(boxes_by_class: dict[str, int] | None = None, **fields: Any) -> DataFacts:
    """Ten pictures with boxes of these classes; other fields as given."""
    unknown: dict[str, Any] = {
        "path": "data",
        "images": 10,
        "images_train": None,
        "images_eval": None,
        "box_sizes": (),
        "image_sizes": (),
        "boxes_of_densest": 1,
        "masks": None,
        "keypoints": None,
        "max_label_id": None,
    }
    return DataFacts(boxes_by_class=boxes_by_class or {}, **{**unknown, **fields})


def checkpoint(variables: dict[str, tuple[int, ...]] | None = None, **fields: Any) -> CheckpointFacts:
    """A detector's checkpoint of these variables; other fields as given."""
    known: dict[str, Any] = {"path": "model.ckpt", "kind": "detection", "num_classes": None}
    return CheckpointFacts(variables=variables or {}, **{**known, **fields})
