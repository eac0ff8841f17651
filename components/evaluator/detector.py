"""Runs an exported detector on images of any size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from detection.context import FEATURES, VALID, ContextShape
from detection.errors import BadInput, first_line
from detection.export import WITH_CONTEXT

BATCH_SIZE = 8
_BATCHES_WAITING = 4
Key = TypeVar("Key")
_OUTPUTS = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")
_MASKS = "detection_masks"
Memory = NDArray[np.float32]  # [n, length]: what is remembered of the camera's other images


@dataclass(frozen=True)
class Detections:
    """Found in one image: boxes float32 [n, 4] normalised, scores float32 [n], classes int64 [n].

    `masks` are probabilities over each box, float32 [n, h, w]; None from a model without masks.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    masks: NDArray[np.float32] | None = None


class SavedDetector:
    """A SavedModel with the Object Detection API's signature, ready to be called.

    Attributes:
      context_shape: of the memory that a Context R-CNN reads; None for others.
    """

    def __init__(self, saved_model: Path, batch_size: int = BATCH_SIZE) -> None:
        """Load it; raises BadInput if the directory holds no such detector."""
        self._saved_model, self._batch_size = saved_model, batch_size
        try:
            self._model = tf.saved_model.load(str(saved_model))  # keeps the variables alive
        except (OSError, ValueError) as error:
            raise BadInput(
                f"no SavedModel can be loaded: {first_line(error)}",
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
        self._with_context = self._model.signatures.get(WITH_CONTEXT)
        self.context_shape: ContextShape | None = None
        if self._with_context is not None:
            features = self._with_context.structured_input_signature[1][FEATURES]
            self.context_shape = ContextShape(*features.shape[1:])

    def detect(self, images: NDArray[np.uint8], memories: Sequence[Memory] | None = None) -> list[Detections]:
        """Detect in uint8 [batch, height, width, 3]; padding rows beyond num_detections are left out.

        A Context R-CNN reads the `memories` of the images; without them, nothing is remembered.
        Raises BadInput for boxes or scores that are no numbers: nothing could be measured by them; and for
        memories of another length than the model reads.
        """
        given = {"input_tensor": tf.constant(images)}
        if memories is None:
            found = self._signature(**given)
        else:
            assert self._with_context is not None
            found = self._with_context(**given, **self._padded(memories))
        outputs = {name: value.numpy() for name, value in found.items()}
        if not all(np.isfinite(outputs[name]).all() for name in ("detection_boxes", "detection_scores")):
            raise BadInput(
                "the model's boxes or scores are not finite numbers",
                str(self._saved_model),
                "look at the loss and the learning rate of its training",
            )
        return [
            Detections(
                boxes=outputs["detection_boxes"][row, :count],
                scores=outputs["detection_scores"][row, :count],
                classes=outputs["detection_classes"][row, :count].astype(np.int64),
                masks=outputs[_MASKS][row, :count] if _MASKS in outputs else None,
            )
            for row, count in enumerate(outputs["num_detections"].astype(int))
        ]

    def _padded(self, memories: Sequence[Memory]) -> dict[str, tf.Tensor]:
        """As the signature takes them: rows beyond its size are left out, as the OD API does."""
        assert self.context_shape is not None
        size, length = self.context_shape
        features = np.zeros([len(memories), size, length], np.float32)
        valid = [min(len(memory), size) for memory in memories]
        for rows, memory, count in zip(features, memories, valid, strict=True):
            if count and memory.shape[1] != length:
                raise BadInput(
                    f"the context features have length {memory.shape[1]}, and the model reads {length}",
                    str(self._saved_model),
                    "evaluate it on data with the features that it was trained with",
                )
            rows[:count] = memory[:count]
        return {FEATURES: tf.constant(features), VALID: tf.constant(valid, tf.int32)}

    def detect_all(
        self,
        images: Iterable[tuple[Key, NDArray[np.uint8]]],
        memory_of: Callable[[Key], Memory] | None = None,
    ) -> Iterator[tuple[Key, Detections]]:
        """Yield (key, detections) for each (key, image), not in order: images of equal size share a batch.

        `memory_of` says what a Context R-CNN reads with the image of a key; other models are not given it.
        At most _BATCHES_WAITING batches of images are held in memory.
        """
        if self.context_shape is None:
            memory_of = None
        waiting: dict[tuple[int, ...], list[tuple[Key, NDArray[np.uint8]]]] = {}
        for key, image in images:
            group = waiting.setdefault(image.shape, [])
            group.append((key, image))
            if len(group) == self._batch_size:
                yield from self._detect_group(waiting.pop(image.shape), memory_of)
            # every image has a size of its own
            elif sum(map(len, waiting.values())) > _BATCHES_WAITING * self._batch_size:
                yield from self._detect_group(waiting.pop(next(iter(waiting))), memory_of)
        for group in waiting.values():
            yield from self._detect_group(group, memory_of)

    def _detect_group(
        self, group: list[tuple[Key, NDArray[np.uint8]]], memory_of: Callable[[Key], Memory] | None
    ) -> Iterator[tuple[Key, Detections]]:
        memories = [] if memory_of is None else [[memory_of(key) for key, _ in group]]
        found = self.detect(np.stack([image for _, image in group]), *memories)
        yield from zip((key for key, _ in group), found, strict=True)
