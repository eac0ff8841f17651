"""The proof of a network that rounds to 8 bits inside: each rounding of the TF1 graph's own input to it.

End to end the raw predictions can't be compared within the tolerance: where a value lies between two steps of
a rounding, a difference of 1e-7 decides for one of them, and what follows sees a whole step.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from components.checkpoint_converter.proof_stages import Arrays, Stage, failure, require_equal
from components.checkpoint_converter.report import Roundings
from detection.blocks import block_of
from detection.tf1.frozen_graph import FrozenDetector
from detection.tf1.graph_structure import RawTensors, producer

_NOISE = 1e-7  # a unit in the last place of a preprocessed image's largest values


class RoundingReplay:
    """Runs a RoundingDetector on what the TF1 graph rounds, and compares it up to the last rounding."""

    def __init__(self, model: Any, oracle: FrozenDetector, raw: Iterable[str]) -> None:
        """`raw` names the predictions that a proof compares."""
        self._oracle, self._raw = oracle, tuple(raw)
        self._apart: list[float] = []
        self._noise: list[float] = []
        given = {name: tf.TensorSpec([1, None, None, None], tf.float32) for name in oracle.roundings}

        @tf.function(input_signature=[tf.TensorSpec([1, None, None, 3], tf.uint8), given], autograph=False)
        def run(image: tf.Tensor, inputs: dict[str, tf.Tensor]) -> tuple[Any, ...]:
            with tf.device("/CPU:0"):  # a GPU's TF32 convolutions are coarser than the tolerance
                found = model.replay_roundings(model.preprocess(image), inputs)
                predictions = {name: found.predictions[name] for name in (*self._raw, "feature_maps")}
                return found.computed, found.rounded, predictions, model.postprocess(found.predictions)

        self._run = run

    def run(self, image: np.ndarray, number: int) -> tuple[list[Stage], Arrays, list[np.ndarray]]:
        """What is compared of proof image `number`, uint8 [h, w, 3]; Failed at the first that differs.

        Then the model's raw predictions and detections, and its feature maps, that come of the TF1 graph's
        roundings.
        """
        places = self._oracle.roundings
        tensors = [name for place in places.values() for name in (place.before, place.after)]
        reference = self._oracle.fetch(tensors, image[None])
        given = {name: tf.constant(reference[place.before]) for name, place in places.items()}
        computed, rounded, predictions, detections = self._run(image[None], given)
        if set(computed) != set(places):
            raise failure(
                "backbone", number, f"the TF1 graph rounds at {len(places)} places, it at {len(computed)}"
            )
        compared = []
        for name, place in places.items():
            for tensor, own in ((place.before, computed[name]), (place.after, rounded[name])):
                compared.append(Stage(block_of(name), tensor, reference[tensor], own.numpy()))
        require_equal(compared, number)
        maps = [features.numpy() for features in predictions.pop("feature_maps")]
        return compared, {name: value.numpy() for name, value in (predictions | detections).items()}, maps

    def inform(self, tensors: RawTensors, image: np.ndarray, reference: Arrays, converted: Arrays) -> None:
        """Measure what is not judged: raw predictions of both sides where each rounds its own values.

        And how far noise in the preprocessed image moves the TF1 graph's own.
        """
        self._apart.append(self._furthest(reference, converted))
        if tensors.preprocessed is None:
            return
        seen = self._oracle.fetch([tensors.preprocessed], image[None])[tensors.preprocessed]
        random = np.random.default_rng(len(self._apart))
        noisy = (seen + random.uniform(-_NOISE, _NOISE, seen.shape)).astype(np.float32)
        names = dict(
            box_encodings=tensors.box_encodings,
            class_predictions_with_background=tensors.class_predictions_with_background,
        )
        moved = self._oracle.fetch(names.values(), image[None], {producer(tensors.preprocessed): noisy})
        self._noise.append(self._furthest(reference, {name: moved[tensor] for name, tensor in names.items()}))

    def _furthest(self, reference: Arrays, other: Arrays) -> float:
        return max(Stage("", name, reference[name], other[name]).relative for name in self._raw)

    def report(self) -> Roundings:
        """The largest of what `inform` measured."""
        return Roundings(
            places=len(self._oracle.roundings),
            apart=max(self._apart),
            noise=_NOISE,
            moved_by_noise=max(self._noise, default=None),
        )
