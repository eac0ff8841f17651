"""Native SSD models against models written and run by real TensorFlow 1.15."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from detection.builder import build_detector
from detection.config.pipeline_config import read_pipeline_config
from detection.ssd import SSD

DATA = Path(__file__).parents[2] / ".." / "shared" / "data" / "tf1_15"
ORACLES = [
    "ssd_mobilenet_v1",
    "ssd_mobilenet_v2",
    "ssdlite_mobilenet_v2",
    "ssd_mobilenet_v1_training",
    "embedded_ssd_mobilenet_v1",
    "ssd_inception_v2",
    "ssd_mobilenet_v1_fpn",
    "ssd_mobilenet_v2_fpnlite",
]
SUFFIXES = {
    "kernel": "weights",
    "bias": "biases",
    "depthwise_kernel": "depthwise_weights",
    "pointwise_kernel": "pointwise_weights",
}
EMA = "/ExponentialMovingAverage"


def tf1_name(path: str) -> str:
    """TF1's name of the Keras variable with this path, below the model's name."""
    scope, last = path.split("/", 1)[1].rsplit("/", 1)
    return f"{scope}/{SUFFIXES.get(last, last)}"


def load(model: SSD, checkpoint: Path, averages: bool) -> set[str]:
    """Fill `model` from the checkpoint; the names that were used."""
    reader = tf.train.load_checkpoint(str(checkpoint))
    names = set(reader.get_variable_to_shape_map())
    used = set()
    for variable in model.variables:
        name = tf1_name(variable.path)
        source = name + EMA if averages and name + EMA in names else name
        variable.assign(reader.get_tensor(source))
        used.add(name)
    return used


def oracle(name: str) -> tuple[SSD, dict[str, np.ndarray]]:
    folder = DATA / name
    if not folder.exists():
        pytest.skip("TF 1.15 oracles are not here (../shared/data/tf1_15)")
    config = read_pipeline_config(folder / "pipeline.config")
    model = build_detector(config.model)
    load(model, folder / "model.ckpt", config.eval_config.use_moving_averages)
    with np.load(folder / "reference.npz") as arrays:
        return model, dict(arrays)


def relative(found: tf.Tensor, wanted: np.ndarray) -> float:
    """Largest difference, as a part of the tensor's scale."""
    assert tuple(found.shape) == wanted.shape
    return float(np.abs(np.asarray(found) - wanted).max() / np.abs(wanted).max())


@pytest.mark.parametrize("name", ORACLES)
def test_detector_equals_tf1(name: str) -> None:
    model, wanted = oracle(name)
    image = tf.constant(wanted["image"])
    preprocessed = model.preprocess(image)
    raw = model(preprocessed, training=False)
    found = model.detect(image)
    differences = {
        "preprocessed": relative(preprocessed, wanted["preprocessed"]),
        "anchors": relative(tf.constant(model.anchors), wanted["anchors"]),
        "raw_detection_boxes": relative(found["raw_detection_boxes"], wanted["raw_detection_boxes"]),
        "raw_detection_scores": relative(found["raw_detection_scores"], wanted["raw_detection_scores"]),
        **{key: relative(raw[key], wanted[key]) for key in raw},
    }
    print(name, {key: f"{value:.2g}" for key, value in differences.items()})
    assert differences["preprocessed"] <= 1e-6
    assert differences["anchors"] <= 1e-6
    assert max(differences.values()) <= 1e-4
    for key in ("detection_boxes", "detection_scores", "detection_classes", "num_detections"):
        difference = np.abs(np.asarray(found[key]) - wanted[key]).max()
        print(name, key, f"{difference:.2g}")
        assert difference <= 1e-4
    if "detection_multiclass_scores" in wanted:
        assert relative(found["detection_multiclass_scores"], wanted["detection_multiclass_scores"]) <= 1e-4


@pytest.mark.parametrize("name", ORACLES)
def test_every_variable_is_used(name: str) -> None:
    folder = DATA / name
    if not folder.exists():
        pytest.skip("TF 1.15 oracles are not here (../shared/data/tf1_15)")
    config = read_pipeline_config(folder / "pipeline.config")
    used = load(build_detector(config.model), folder / "model.ckpt", averages=False)
    names = set(tf.train.load_checkpoint(str(folder / "model.ckpt")).get_variable_to_shape_map())
    bookkeeping = {
        n for n in names - used if n == "global_step" or n.endswith((EMA, "/RMSProp", "/RMSProp_1"))
    }
    assert names - used == bookkeeping


def test_raw_weights_of_a_training_checkpoint() -> None:
    folder = DATA / "ssd_mobilenet_v1_training"
    model, wanted = oracle(folder.name)
    load(model, folder / "model.ckpt", averages=False)
    raw = model(model.preprocess(tf.constant(wanted["image"])), training=False)
    for key in raw:
        assert relative(raw[key], wanted[f"noema_{key}"]) <= 1e-4
