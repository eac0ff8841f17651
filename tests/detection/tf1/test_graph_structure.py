"""Raw tensors are found by structure; TF 1.15 recorded the names they had when the graphs were written."""

from __future__ import annotations

import pytest

from detection.tf1.frozen_graph import load_frozen_graph
from detection.tf1.graph_structure import find_raw_tensors, producer

SSD_MODELS = (
    "embedded_ssd_mobilenet_v1",
    "ssd_inception_v2",
    "ssd_mobilenet_v1",
    "ssd_mobilenet_v1_fpn",
    "ssd_mobilenet_v1_training",
    "ssd_mobilenet_v2",
    "ssd_mobilenet_v2_fpnlite",
    "ssdlite_mobilenet_v2",
)


@pytest.mark.parametrize("name", SSD_MODELS)
def test_finds_the_tensors_that_tf1_recorded(tf1_model, name):
    model = tf1_model(name)
    raw = find_raw_tensors(load_frozen_graph(model.frozen_graph))
    assert raw.box_encodings == model.tensors["box_encodings"]
    assert raw.class_predictions_with_background == model.tensors["class_predictions_with_background"]
    assert raw.preprocessed == model.tensors["preprocessed"]
    maps = [model.tensors[key] for key in sorted(model.tensors) if key.startswith("feature_map_")]
    assert list(raw.feature_maps) == maps


def test_an_export_of_2018_without_raw_outputs(pedestrian):
    raw = find_raw_tensors(load_frozen_graph(pedestrian / "frozen_inference_graph.pb"))
    assert raw.box_encodings == "Squeeze:0"
    assert raw.class_predictions_with_background == "concat_1:0"
    assert raw.preprocessed == "Preprocessor/sub:0"
    assert len(raw.feature_maps) == 6
    assert raw.feature_maps[0] == "FeatureExtractor/MobilenetV2/expanded_conv_13/expansion_output:0"


def test_a_two_stage_detector_has_no_single_shot_predictions(tf1_model):
    assert find_raw_tensors(load_frozen_graph(tf1_model("faster_rcnn_inception_v2").frozen_graph)) is None


@pytest.mark.parametrize("edge", ["node", "^node", "node:2"])
def test_producer_of_an_edge(edge):
    assert producer(edge) == "node"
