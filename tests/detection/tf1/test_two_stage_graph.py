from pathlib import Path

import pytest

from detection.tf1.frozen_graph import load_frozen_graph
from detection.tf1.two_stage_graph import find_two_stage_tensors

DATA = Path(__file__).parents[4] / "shared" / "data" / "tf1_15"


def graph(name: str):
    if not DATA.exists():
        pytest.skip("TF 1.15 oracles are not here (../shared/data/tf1_15)")
    return load_frozen_graph(DATA / name / "frozen_inference_graph.pb")


def test_finds_both_stages_of_faster_rcnn() -> None:
    found = find_two_stage_tensors(graph("faster_rcnn_inception_v2"))
    assert found is not None
    assert found.by_name() == {
        "preprocessed": "Preprocessor/sub:0",
        "features": "FirstStageFeatureExtractor/InceptionV2/InceptionV2/Mixed_4e/concat:0",
        "rpn_box_encodings": "FirstStageBoxPredictor/BoxEncodingPredictor/BiasAdd:0",
        "rpn_objectness_predictions_with_background": "FirstStageBoxPredictor/ClassPredictor/BiasAdd:0",
        "proposal_boxes_normalized": "CropAndResize/Reshape:0",
        "refined_box_encodings": "SecondStageBoxPredictor/BoxEncodingPredictor/BiasAdd:0",
        "class_predictions_with_background": "SecondStageBoxPredictor/ClassPredictor/BiasAdd:0",
    }


def test_a_single_shot_detector_has_none() -> None:
    assert find_two_stage_tensors(graph("ssd_mobilenet_v2")) is None
