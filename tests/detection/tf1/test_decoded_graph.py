"""What the suppression reads is found by structure; TF 1.15 recorded what its exports make of it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from detection.tf1.decoded_graph import find_decoded_tensors
from detection.tf1.frozen_graph import FrozenDetector, load_frozen_graph

SSD_MODELS = ("ssd_mobilenet_v1_fpn", "ssd_mobilenet_v2", "ssdlite_mobilenet_v2")


@pytest.mark.parametrize("name", SSD_MODELS)
def test_they_are_what_the_export_calls_raw_detections(tf1_model, name):
    oracle = FrozenDetector(load_frozen_graph(tf1_model(name).frozen_graph))
    image = np.random.default_rng(1).integers(0, 255, (1, 60, 80, 3), np.uint8)
    found = oracle.decoded
    outputs = ["raw_detection_boxes:0", "raw_detection_scores:0"]
    values = oracle.fetch([found.boxes, found.scores, *outputs], image)
    assert np.array_equal(values[found.boxes][:, :, 0], values[outputs[0]])
    assert np.array_equal(values[found.scores], values[outputs[1]][..., 1:])


def test_an_export_of_2018_without_raw_outputs(pedestrian):
    oracle = FrozenDetector(load_frozen_graph(pedestrian / "frozen_inference_graph.pb"))
    assert oracle.decoded is not None
    image = np.zeros([1, 60, 80, 3], np.uint8)
    values = oracle.fetch([oracle.decoded.boxes, oracle.decoded.scores], image)
    assert values[oracle.decoded.boxes].shape[1:] == (1917, 1, 4)
    assert values[oracle.decoded.scores].shape[1:] == (1917, 1)


def test_a_graph_without_suppression(tf1_model):
    graph = load_frozen_graph(tf1_model("ssd_mobilenet_v2").frozen_graph)
    raw = FrozenDetector(graph).raw
    kept = [node for node in graph.node if "NonMaxSuppression" not in node.name]
    assert find_decoded_tensors(tf.compat.v1.GraphDef(node=kept), raw) is None
