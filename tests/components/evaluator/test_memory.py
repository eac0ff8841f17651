"""A Context R-CNN is evaluated with what the examples remember of the camera's other images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.evaluator.detector import SavedDetector
from components.evaluator.evaluate import EvaluatedModel, EvaluationData, evaluate
from components.evaluator.examples import read_examples
from detection.config.label_map import LabelMap, LabelMapItem
from detection.context import ContextShape
from detection.errors import BadInput

LABELS = LabelMap((LabelMapItem(1, "stop", "stop"),))
MEMORIES = {"none": [], "one": [[0.1, 0.2]], "two": [[0.1, 0.1], [0.1, 0.4]], "cut": [[0.1, 0.0]] * 5}
SCORES = {"none": 0.0, "one": 0.3, "two": 0.7, "cut": 0.3}  # three rows of two values are read


class RememberingDetector(tf.Module):
    """One box in each image; its score is the sum of what is remembered."""

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, name="input_tensor")])
    def serve(self, input_tensor: tf.Tensor) -> dict[str, tf.Tensor]:
        count = tf.shape(input_tensor)[0]
        return self._found(tf.zeros([count, 3, 2]), tf.zeros([count], tf.int32))

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, None, 3], tf.uint8, name="input_tensor"),
            tf.TensorSpec([None, 3, 2], tf.float32, name="context_features"),
            tf.TensorSpec([None], tf.int32, name="valid_context_size"),
        ]
    )
    def remember(self, input_tensor, context_features, valid_context_size):  # type: ignore[no-untyped-def]
        return self._found(context_features, valid_context_size)

    def _found(self, features: tf.Tensor, valid: tf.Tensor) -> dict[str, tf.Tensor]:
        read = tf.cast(tf.sequence_mask(valid, 3), tf.float32)[..., tf.newaxis]
        scores = tf.reduce_sum(features * read, axis=[1, 2])[:, tf.newaxis]
        return {
            "detection_boxes": tf.ones_like(scores)[..., tf.newaxis] * [0.25, 0.25, 0.75, 0.75],
            "detection_scores": scores,
            "detection_classes": tf.ones_like(scores),
            "num_detections": tf.ones_like(scores)[:, 0],
        }


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    module, path = RememberingDetector(), tmp_path_factory.mktemp("model") / "saved_model"
    tf.saved_model.save(module, str(path), {"serving_default": module.serve, "with_context": module.remember})
    return path


def write(path: Path, length: int = 2, more: dict[str, list[float]] | None = None) -> list[Path]:
    """An image of each of MEMORIES, of two sizes."""
    memories = {name: np.ravel(rows).tolist() for name, rows in MEMORIES.items()} | (more or {})
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number, (name, values) in enumerate(memories.items()):
            example = tf.train.Example()
            feature = example.features.feature
            image = np.zeros([40, 40 + 8 * (number % 2), 3], np.uint8)
            feature["image/encoded"].bytes_list.value.append(tf.io.encode_png(image).numpy())
            feature["image/filename"].bytes_list.value.append(name.encode())
            feature["image/object/class/text"].bytes_list.value.append(b"stop")
            for side, value in {"ymin": 0.25, "xmin": 0.25, "ymax": 0.75, "xmax": 0.75}.items():
                feature[f"image/object/bbox/{side}"].float_list.value.append(value)
            if values:
                feature["image/context_features"].float_list.value.extend(values)
                feature["image/context_feature_length"].int64_list.value.append(length)
            writer.write(example.SerializeToString())
    return [path]


def run(model: Path, files: list[Path]) -> EvaluatedModel:
    detector = SavedDetector(model, batch_size=2)
    return evaluate(detector, EvaluationData(files, LABELS), LABELS, title="x", saved_model=model)


def test_each_image_is_seen_with_its_own_memory(model: Path, tmp_path: Path) -> None:
    assert SavedDetector(model).context_shape == ContextShape(3, 2)
    found = run(model, write(tmp_path / "a.record"))
    scores = {
        facts.filename: float(image.detection_scores[0])
        for facts, image in zip(found.facts, found.images, strict=True)
    }
    assert scores == pytest.approx(SCORES)
    assert found.evaluation.notes == ["3 of 4 images have context features."]


def test_without_a_memory_nothing_is_remembered(model: Path) -> None:
    (found,) = SavedDetector(model).detect(np.zeros([1, 40, 40, 3], np.uint8))
    assert found.scores.tolist() == [0.0]


def test_a_model_that_reads_none_is_evaluated_as_before(model: Path, tmp_path: Path) -> None:
    module = RememberingDetector()
    tf.saved_model.save(module, str(tmp_path / "model"), {"serving_default": module.serve})
    found = run(tmp_path / "model", write(tmp_path / "a.record", more={"odd": [1.0, 2.0, 3.0]}))
    assert [float(image.detection_scores[0]) for image in found.images] == [0.0] * 5
    assert found.evaluation.notes == []


def test_memories_that_do_not_fit(model: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="have length 1, and the model reads 2") as error:
        run(model, write(tmp_path / "a.record", length=1))
    assert error.value.where == str(model)
    files = write(tmp_path / "b.record", more={"odd": [1.0, 2.0, 3.0]})
    with pytest.raises(BadInput, match="3 values of image/context_features make no rows of 2") as error:
        run(model, files)
    assert error.value.where == "odd"
    assert all(not len(one.memory) for one in read_examples(files, LABELS))
