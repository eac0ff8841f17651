"""A real detector, trained and exported with the TF1 Object Detection API: all variables, same detections."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from detection.builder import build_detector
from detection.config.pipeline_config import read_pipeline_config

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
MODEL = DATA / "models" / "pedestrian_ssdlite_mobilenet_v2"
CONFIG = DATA / "configs" / "upstream" / "samples" / "configs" / "ssdlite_mobilenet_v2_coco.config"
PHOTO = DATA / "datasets" / "microcontrollers_voc" / "images" / "test"
SUFFIXES = {"kernel": "weights", "bias": "biases", "depthwise_kernel": "depthwise_weights"}


@pytest.mark.skipif(not (MODEL.exists() and CONFIG.exists()), reason="../shared/data is not here")
def test_every_variable_is_used_and_detections_equal_the_frozen_graphs() -> None:
    detector = build_detector(read_pipeline_config(CONFIG).model, num_classes=1)
    reader = tf.train.load_checkpoint(str(MODEL / "model.ckpt"))
    unused = set(reader.get_variable_to_shape_map())
    for variable in detector.variables:
        scope, last = variable.path.split("/", 1)[1].rsplit("/", 1)
        name = f"{scope}/{SUFFIXES.get(last, last)}"
        variable.assign(reader.get_tensor(name))
        unused.remove(name)
    assert unused == set()

    graph_def = tf.compat.v1.GraphDef()
    graph_def.ParseFromString((MODEL / "frozen_inference_graph.pb").read_bytes())
    graph = tf.compat.v1.wrap_function(lambda: tf.compat.v1.import_graph_def(graph_def, name=""), [])
    keys = ["detection_boxes", "detection_scores", "detection_classes", "num_detections"]
    tf1 = graph.prune("image_tensor:0", [f"{key}:0" for key in keys])
    photos = sorted(PHOTO.glob("*.jpg"))[:3]
    assert photos
    for photo in photos:
        images = tf.constant(np.asarray(Image.open(photo).convert("RGB"))[np.newaxis])
        found = detector.detect(images)
        for key, wanted in zip(keys, tf1(images), strict=True):
            np.testing.assert_allclose(found[key], wanted, atol=1e-5, err_msg=f"{photo.name} {key}")
