"""TFLite models of a training, and what is written beside them for apps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.metadata import describe_model
from components.trainer.options import ExportOptions, TrainOptions
from components.trainer.tflite import write_tflite
from detection.builder import build_detector
from detection.preprocess import decode_image

if TYPE_CHECKING:
    from conftest import Training


@pytest.fixture(scope="module")
def written(training: Training, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tflite/ of a model with three classes, of which the label map names two."""
    config = type(training.config)()
    config.CopyFrom(training.config)
    detector = build_detector(config.model, num_classes=3)
    out = tmp_path_factory.mktemp("tflite")
    job = replace(
        training.job(out, TrainOptions()),
        export=ExportOptions(tflite=["float32", "int8"], calibration_images=500),
    )
    write_tflite(job, detector, describe_model(job, 8, "values"))
    return out / "tflite"


def test_metadata_says_how_to_use_the_models(written: Path) -> None:
    metadata = json.loads((written / "metadata.json").read_text())
    assert metadata["files"] == {"float32": "model_float32.tflite", "int8": "model_int8.tflite"}
    assert metadata["calibration_images"] == 22  # all that there are
    for kind, file in metadata["files"].items():
        lite = tf.lite.Interpreter(str(written / file))
        (signature,) = lite.get_signature_list().values()
        lite.allocate_tensors()
        (given,) = lite.get_input_details()
        assert signature["inputs"] == [metadata["input"]["name"]]
        assert given["shape"].tolist() == metadata["input"]["shape"] == [1, 64, 64, 3]
        assert np.dtype(given["dtype"]).name == metadata["input"]["dtypes"][kind]
        assert sorted(signature["outputs"]) == sorted(one["name"] for one in metadata["outputs"])
        for output, found in zip(metadata["outputs"], lite.get_output_details(), strict=True):
            assert found["shape"].tolist() == output["shape"] and found["dtype"] == np.float32


def test_labels_are_in_the_order_of_the_classes(written: Path) -> None:
    assert (written / "labels.txt").read_text() == "red\ngreen\n???\n"
    assert json.loads((written / "metadata.json").read_text())["labels"] == ["red", "green", "???"]


def test_calibration_sees_training_images_as_they_are(training: Training, tmp_path: Path) -> None:
    from components.trainer.tflite import _calibration_images

    detector = build_detector(training.config.model)
    job = replace(training.job(tmp_path, TrainOptions()), export=ExportOptions(calibration_images=5))
    seen = list(_calibration_images(job, detector))
    assert len(seen) == 5 and all(image.shape == (1, 64, 64, 3) for image in seen)
    records = tf.data.TFRecordDataset(str(job.paths.train_files[0]), "GZIP")
    feature = {"image/encoded": tf.io.FixedLenFeature([], tf.string)}
    stored = [
        detector.resizer.resize(decode_image(tf.io.parse_single_example(record, feature)["image/encoded"]))
        for record in records
    ]
    for image in seen:
        assert any(np.array_equal(image[0], one) for one in stored)
    assert not all(np.array_equal(image[0], one) for image, one in zip(seen, stored, strict=False))
