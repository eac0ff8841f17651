"""Runs an exported detector on images of any size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from detection.errors import BadInput

BATCH_SIZE = 8
_MOST_WAITING = 32
Key = TypeVar("Key")
_OUTPUTS = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")


@dataclass(frozen=True)
class Detections:
    """Found in one image: boxes float32 [n, 4] normalised, scores float32 [n], classes int64 [n]."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]


class SavedDetector:
    """A SavedModel with the Object Detection API's signature, ready to be called."""

    def __init__(self, saved_model: Path) -> None:
        """Load it; raises BadInput if the directory holds no such detector."""
        try:
            self._model = tf.saved_model.load(str(saved_model))  # keeps the variables alive
        except (OSError, ValueError) as error:
            raise BadInput(
                f"no SavedModel can be loaded: {str(error).splitlines()[0]}",
                str(saved_model),
                "pass the directory that holds saved_model.pb and variables/",
            ) from error
        signature = self._model.signatures.get("serving_default")
        missing = set(_OUTPUTS) - set(signature.structured_outputs if signature else ())
        if missing:
            raise BadInput(
                f"the SavedModel is no detector: its serving_default lacks {', '.join(sorted(missing))}",
                str(saved_model),
                "export it with the Object Detection API's signature",
            )
        self._signature = signature

    def detect(self, images: NDArray[np.uint8]) -> list[Detections]:
        """Detect in uint8 [batch, height, width, 3]; padding rows beyond num_detections are left out."""
        outputs = {k: v.numpy() for k, v in self._signature(input_tensor=tf.constant(images)).items()}
        return [
            Detections(
                boxes=outputs["detection_boxes"][row, :count],
                scores=outputs["detection_scores"][row, :count],
                classes=outputs["detection_classes"][row, :count].astype(np.int64),
            )
            for row, count in enumerate(outputs["num_detections"].astype(int))
        ]

    def detect_all(self, images: Iterable[tuple[Key, NDArray[np.uint8]]]) -> Iterator[tuple[Key, Detections]]:
        """Yield (key, detections) for each (key, image), not in order: images of equal size share a batch.

        At most _MOST_WAITING images are held in memory.
        """
        waiting: dict[tuple[int, ...], list[tuple[Key, NDArray[np.uint8]]]] = {}
        for key, image in images:
            group = waiting.setdefault(image.shape, [])
            group.append((key, image))
            if len(group) == BATCH_SIZE:
                yield from self._detect_group(waiting.pop(image.shape))
            elif sum(map(len, waiting.values())) > _MOST_WAITING:  # every image has a size of its own
                yield from self._detect_group(waiting.pop(next(iter(waiting))))
        for group in waiting.values():
            yield from self._detect_group(group)

    def _detect_group(self, group: list[tuple[Key, NDArray[np.uint8]]]) -> Iterator[tuple[Key, Detections]]:
        found = self.detect(np.stack([image for _, image in group]))
        yield from zip((key for key, _ in group), found, strict=True)
