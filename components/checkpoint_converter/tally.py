"""Counts what the images of a proof showed, and makes the proof of it."""

from __future__ import annotations

from components.checkpoint_converter.proof_detections import Paired
from components.checkpoint_converter.proof_stages import TOLERANCE, Stage
from components.checkpoint_converter.report import ComparedTensor, Proof


class Tally:
    """The largest differences so far, by tensor, over the proof's images."""

    def __init__(self) -> None:
        self._images = self._replayed = self._pairs = 0
        self._raw: dict[str, ComparedTensor] = {}
        self._drawn: dict[str, ComparedTensor] = {}
        self._detections: dict[str, ComparedTensor] = {}

    def add(self, raw: list[Stage], *found: Paired) -> None:
        """Count one image: its raw predictions and its paired detections, of each run on it."""
        self._images += 1
        self._replayed += any(one.replayed for one in found)
        _count(self._raw, raw)
        for one in found:
            self._pairs += one.count
            _count(self._detections, one.stages)

    def drawn(self, stages: list[Stage]) -> None:
        """Count what was made of drawn raw predictions."""
        _count(self._drawn, stages)

    def passed(self, image_source: str) -> Proof:
        """The proof, of which no image failed."""
        return Proof(
            images=self._images,
            image_source=image_source,
            max_difference_raw=max(tensor.max_relative for tensor in self._raw.values()),
            max_difference_boxes=self._detections["detection_boxes"].max_absolute,
            max_difference_scores=self._detections["detection_scores"].max_absolute,
            matched_detections=self._pairs,
            tolerance=TOLERANCE,
            passed=True,
            replayed_images=self._replayed,
            tensors=[*self._raw.values(), *self._drawn.values(), *self._detections.values()],
        )


def _count(counted: dict[str, ComparedTensor], stages: list[Stage]) -> None:
    for stage in stages:
        before = counted.get(stage.tensor)
        counted[stage.tensor] = ComparedTensor(
            block=stage.block,
            tensor=stage.tensor,
            max_absolute=max(stage.absolute, before.max_absolute if before else 0.0),
            max_relative=max(stage.relative, before.max_relative if before else 0.0),
        )
