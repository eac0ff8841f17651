"""The native Faster R-CNN against a model written and run by real TensorFlow 1.15."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.checkpoint_converter.proof import prove
from components.checkpoint_converter.restore import require_complete, restore
from components.checkpoint_converter.sources import read_checkpoint
from detection.config.pipeline_config import read_pipeline_config
from detection.errors import Failed
from detection.extractors.faster_rcnn_inception_v2 import faster_rcnn_inception_v2
from detection.faster_rcnn import FasterRCNN
from detection.faster_rcnn_builder import build_faster_rcnn
from detection.rpn import Proposals
from detection.tf1.frozen_graph import FrozenDetector, load_frozen_graph

FOLDER = Path(__file__).parents[2] / ".." / "shared" / "data" / "tf1_15" / "faster_rcnn_inception_v2"
DEPTH_MULTIPLIER = 0.15  # reference.json: it has no field in pipeline.config
FIRST = ("rpn_box_encodings", "rpn_objectness_predictions_with_background")
SECOND = ("refined_box_encodings", "class_predictions_with_background")


@pytest.fixture(scope="module")
def model() -> FasterRCNN:
    if not FOLDER.exists():
        pytest.skip("TF 1.15 oracles are not here (../shared/data/tf1_15)")
    config = read_pipeline_config(FOLDER / "pipeline.config").model.faster_rcnn
    detector = build_faster_rcnn(
        config, extractor=faster_rcnn_inception_v2(config.feature_extractor, DEPTH_MULTIPLIER)
    )
    variables = read_checkpoint(FOLDER / "model.ckpt")
    restored = restore(detector, variables)
    require_complete(restored, variables.path)
    assert set(variables) == {variable.name for variable in restored.loaded}
    return detector


@pytest.fixture(scope="module")
def wanted() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "reference.npz") as arrays:
        return dict(arrays)


def relative(found: tf.Tensor, reference: np.ndarray) -> float:
    """Largest difference, as a part of the tensor's scale."""
    assert tuple(found.shape) == reference.shape
    return float(np.abs(np.asarray(found) - reference).max() / np.abs(reference).max())


def test_first_stage_equals_tf1(model: FasterRCNN, wanted: dict[str, np.ndarray]) -> None:
    preprocessed = model.preprocess(tf.constant(wanted["image"]))
    assert relative(preprocessed, wanted["preprocessed"]) <= 1e-6
    first = model.first_stage(preprocessed)
    assert relative(first["anchors"], wanted["anchors"]) <= 1e-6
    assert relative(first["features"], wanted["rpn_features_to_crop"]) <= 1e-4
    for name in FIRST:
        assert relative(first[name], wanted[name]) <= 1e-4
    proposals = model.propose(first)
    assert relative(proposals.boxes, wanted["proposal_boxes_normalized"]) <= 1e-4
    np.testing.assert_array_equal(proposals.count, wanted["num_proposals"])


def test_second_stage_equals_tf1_on_its_proposals(model: FasterRCNN, wanted: dict[str, np.ndarray]) -> None:
    first = model.first_stage(tf.constant(wanted["preprocessed"]))
    proposals = Proposals(
        tf.constant(wanted["proposal_boxes_normalized"]), tf.constant(wanted["num_proposals"])
    )
    second = model.second_stage(first, proposals)
    assert relative(second["proposal_boxes"], wanted["proposal_boxes"]) <= 1e-6
    for name in SECOND:
        assert relative(second[name], wanted[name]) <= 1e-4
    found = model.postprocess(first | second)
    for name in found:
        assert np.abs(found[name] - wanted[name]).max() <= 1e-4, name


def test_converter_proves_it_and_names_the_block_that_differs(model: FasterRCNN) -> None:
    oracle = FrozenDetector(load_frozen_graph(FOLDER / "frozen_inference_graph.pb"))
    random = np.random.default_rng(3)
    images = [random.integers(0, 255, size, np.uint8) for size in ((260, 400, 3), (300, 210, 3))]
    proof = prove(model, oracle, images, "files: a, b", 0.05)
    assert proof.max_difference_raw < 1e-5
    assert proof.max_difference_boxes < 1e-4
    assert proof.matched_detections > 5
    bias = model.second_stage_predictor.class_head.bias
    before = bias.numpy()
    bias.assign_add([0.1] * len(before))
    with pytest.raises(Failed, match="class_head"):
        prove(model, oracle, images, "files: a, b", 0.05)
    bias.assign(before)
    bias = model.first_stage_predictor.box_head.bias
    before = bias.numpy()
    bias.assign_add([0.1] * len(before))
    with pytest.raises(Failed, match="rpn"):
        prove(model, oracle, images, "files: a, b", 0.05)
    bias.assign(before)


def test_another_anchor_is_found_though_none_of_its_boxes_is_proposed(
    model: FasterRCNN, monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle = FrozenDetector(load_frozen_graph(FOLDER / "frozen_inference_graph.pb"))
    first_stage = model.first_stage

    def with_another_anchor(*arguments: tf.Tensor, **options: bool) -> dict[str, tf.Tensor]:
        found = first_stage(*arguments, **options)
        return found | {"anchors": tf.tensor_scatter_nd_add(found["anchors"], [[0, 2]], [4.0])}

    monkeypatch.setattr(model, "first_stage", with_another_anchor)
    image = np.random.default_rng(3).integers(0, 255, (260, 400, 3), np.uint8)
    with pytest.raises(Failed, match="first block that differs is anchors "):
        prove(model, oracle, [image], "files: a", 0.05)
