from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import tensorflow as tf

from components.checkpoint_converter.proof import prove
from detection.detector import Tensors
from detection.errors import Failed
from detection.rounding import Replayed
from detection.tf1.frozen_graph import FrozenDetector

SCOPE = "FeatureExtractor/net/concat"
HIGHEST = 6.0
GAIN = 1.5  # every odd pixel lies between two steps of HIGHEST / 255: rounding to float32 decides
IMAGE = np.random.default_rng(1).integers(0, 256, [40, 60, 3], dtype=np.uint8)
KERNEL = np.random.default_rng(2).normal(size=[1, 1, 6, 7]).astype(np.float32)
BOX = np.float32([[0.1, 0.2, 0.6, 0.7]])


def _rounded(value: tf.Tensor, highest: float | tf.Tensor) -> tf.Tensor:
    return tf.quantization.fake_quant_with_min_max_vars(value, 0.0, highest)


def _heads(maps: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Box encodings `[1, 1, 4]` and class predictions `[1, 1, 3]`."""
    values = tf.reduce_mean(maps, [1, 2])[:, tf.newaxis]
    return values[..., :4], values[..., 4:]


def _detections(classes: tf.Tensor) -> Tensors:
    scores = tf.reduce_max(tf.sigmoid(classes[..., 1:]), -1)
    return {
        "detection_boxes": tf.constant(BOX[None]),
        "detection_scores": scores,
        "detection_classes": tf.ones_like(scores),
        "num_detections": tf.ones([1]),
    }


def _graph(places: int = 2) -> tf.compat.v1.GraphDef:
    """A detector that concatenates an image and its mirror, of which so many are rounded."""
    with tf.Graph().as_default() as graph:
        image = tf.compat.v1.placeholder(tf.uint8, [1, None, None, 3], name="image_tensor")
        with tf.name_scope("Preprocessor/"):
            preprocessed = tf.cast(image, tf.float32) * (2.0 / 255.0)
        ends = []
        for leaf, end in (("min", 0.0), ("max", HIGHEST)):
            constant = tf.constant(end, name=f"{SCOPE}/{leaf}")
            ends.append(tf.identity(constant, f"{SCOPE}/{leaf}/read"))
        with tf.name_scope("FeatureExtractor/"):
            parts = [GAIN * preprocessed, GAIN * tf.reverse(preprocessed, [2])]
            for place in range(places):
                parts[place] = tf.quantization.fake_quant_with_min_max_vars(parts[place], *ends)
            maps = tf.nn.conv2d(tf.concat(parts, -1), KERNEL, 1, "SAME")
        with tf.name_scope("BoxPredictor_0/"):
            boxes, classes = _heads(maps)
        with tf.name_scope("Postprocessor/"):
            moved = tf.exp(boxes)
            found = _detections(classes + 0.0)
        found["detection_boxes"] += 0.0 * moved
        for name, value in found.items():
            tf.identity(value, name)
    return graph.as_graph_def()


class _Model:
    """The same detector, whose preprocessing is another by a rounding to float32."""

    def __init__(self, highest: float = HIGHEST, gain: float = GAIN, noise: float = 1e-7) -> None:
        self._highest, self._gain, self._noise = highest, gain, noise

    def preprocess(self, images: tf.Tensor) -> tf.Tensor:
        return tf.cast(images, tf.float32) * (2.0 / 255.0) * (1.0 + self._noise)

    def _parts(self, preprocessed: tf.Tensor) -> list[tf.Tensor]:
        return [self._gain * preprocessed, self._gain * tf.reverse(preprocessed, [2])]

    def _predictions(self, rounded: list[tf.Tensor]) -> Tensors:
        maps = tf.nn.conv2d(tf.concat(rounded, -1), KERNEL, 1, "SAME")
        boxes, classes = _heads(maps)
        return {
            "box_encodings": boxes,
            "class_predictions_with_background": classes,
            "feature_maps": [maps],
        }

    def __call__(self, preprocessed: tf.Tensor, training: bool) -> Tensors:
        return self._predictions([_rounded(part, self._highest) for part in self._parts(preprocessed)])

    def replay_roundings(self, preprocessed: tf.Tensor, inputs: Mapping[str, tf.Tensor]) -> Replayed:
        computed = {f"{SCOPE}/{place}": part for place, part in enumerate(self._parts(preprocessed))}
        rounded = {name: _rounded(inputs.get(name, own), self._highest) for name, own in computed.items()}
        return Replayed(self._predictions(list(rounded.values())), computed, rounded)

    def postprocess(self, predictions: Tensors) -> Tensors:
        return _detections(predictions["class_predictions_with_background"])


@pytest.fixture(scope="module")
def oracle() -> FrozenDetector:
    return FrozenDetector(_graph())


def test_a_flipped_rounding_is_no_difference(oracle: FrozenDetector) -> None:
    proof = prove(_Model(), oracle, [IMAGE, IMAGE[::-1]], "files: a, b", 0.2)
    assert proof.passed and proof.max_difference_raw < 1e-6 and proof.matched_detections == 2
    places = [tensor for tensor in proof.tensors if "FakeQuant" in tensor.tensor]
    assert len(places) == 2 and all(tensor.max_absolute == 0 for tensor in places)
    assert [tensor.block for tensor in proof.tensors][:5] == ["preprocessing", *["backbone"] * 4]
    assert proof.roundings is not None and proof.roundings.places == 2
    assert proof.roundings.apart > 1e-4  # what the proof could not have been judged by
    assert proof.roundings.moved_by_noise is not None and proof.roundings.moved_by_noise > 1e-4


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (_Model(highest=5.98), "is backbone .FeatureExtractor/FakeQuantWithMinMaxVars"),
        (_Model(gain=GAIN * 1.001), "is backbone .FeatureExtractor/mul"),
        (_Model(noise=0.001), "is preprocessing "),
    ],
)
def test_what_differs_at_a_rounding_is_found(oracle: FrozenDetector, model: _Model, message: str) -> None:
    with pytest.raises(Failed, match=message):
        prove(model, oracle, [IMAGE], "files: a", 0.2)


def test_what_differs_after_the_last_rounding_is_found(
    oracle: FrozenDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.KERNEL", KERNEL * 1.001)
    with pytest.raises(Failed, match="is backbone .FeatureExtractor/Conv2D"):
        prove(_Model(), oracle, [IMAGE], "files: a", 0.2)


def test_other_places_are_another_network() -> None:
    with pytest.raises(Failed, match="the TF1 graph rounds at 1 places, it at 2"):
        prove(_Model(), FrozenDetector(_graph(places=1)), [IMAGE], "files: a", 0.2)
