"""Proofs of Faster R-CNN's relatives against graphs of the OD API's TF1 code, good ones and failing ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from components.checkpoint_converter.proof import prove
from components.checkpoint_converter.proof_images import proof_images
from components.checkpoint_converter.restore import restore
from components.checkpoint_converter.sources import read_checkpoint
from detection.builder import build_detector
from detection.config.pipeline_config import read_pipeline_config
from detection.detector import Detector
from detection.errors import Failed
from detection.tf1.frozen_graph import FrozenDetector, load_frozen_graph
from detection.two_stage import TwoStageDetector
from tests.parity.od_api import write_detector
from tests.parity.od_api_configs import faster_rcnn
from tests.parity.od_api_shim_configs import CONTEXT

pytestmark = pytest.mark.slow

CONV = """conv_hyperparams {
  regularizer { l2_regularizer { weight: 0.0001 } }
  initializer { truncated_normal_initializer { stddev: 0.01 } }
}"""
MASK_RCNN = faster_rcnn(
    "faster_rcnn_inception_v2",
    predictor=f"predict_instance_masks: true mask_height: 15 mask_width: 15 {CONV}",
    rpn="number_of_stages: 3",
)
_PLAIN = faster_rcnn("faster_rcnn_resnet101")
_HEAD = _PLAIN[_PLAIN.index("mask_rcnn_box_predictor") : _PLAIN.index("second_stage_batch_size")]
RFCN = _PLAIN.replace(_HEAD, f"rfcn_box_predictor {{ depth: 64 crop_height: 18 crop_width: 18 {CONV} }} }}\n")
# as the zoo's: all shapes static but the batch's
CONTEXT_RCNN = faster_rcnn(
    "faster_rcnn_inception_v2",
    "batch_norm_trainable: true",
    "share_box_across_classes: true",
    f"""use_static_shapes: true use_static_balanced_label_sampler: true clip_anchors_to_image: true
      use_matmul_crop_and_resize: true use_matmul_gather_in_matcher: true {CONTEXT}""",
).replace(
    "keep_aspect_ratio_resizer { min_dimension: 120 max_dimension: 200 }",
    "fixed_shape_resizer { height: 128 width: 160 }",
)


@dataclass(frozen=True)
class Subject:
    """A model that holds the values of a TF1 graph."""

    model: Detector
    oracle: FrozenDetector
    image: np.ndarray

    def prove(self):
        return prove(self.model, self.oracle, [self.image], "drawn", 0.2)


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Subject]:
    known: dict[str, Subject] = {}

    def build(config: str) -> Subject:
        if config not in known:
            known[config] = _subject(config, tmp_path_factory.mktemp("tf1"))
        return known[config]

    return build


def _subject(config: str, folder: Path) -> Subject:
    source = write_detector(config, folder)
    model = build_detector(read_pipeline_config(source.config).model)
    restore(model, read_checkpoint(source.checkpoint))
    images, _ = proof_images([])
    return Subject(model, FrozenDetector(load_frozen_graph(source.frozen_graph)), images[0])


@pytest.mark.parametrize("config", [MASK_RCNN, RFCN, CONTEXT_RCNN], ids=["mask_rcnn", "rfcn", "context_rcnn"])
def test_proves_every_stage(subject: Callable[[str], Subject], config: str) -> None:
    found = subject(config)
    assert isinstance(found.model, TwoStageDetector)
    proof = found.prove()
    assert proof.passed and proof.matched_detections >= 10
    blocks = [tensor.block for tensor in proof.tensors]
    second = ["box_head", "class_head", *(["masks"] if config == MASK_RCNN else [])]
    assert blocks == [
        "preprocessing",
        "backbone",
        "rpn",
        "rpn",
        "anchors",
        "proposals",
        *second,
        *["postprocessing"] * 2,
    ]
    assert proof.max_difference_raw < 1e-5
    assert max(proof.max_difference_boxes, proof.max_difference_scores) < 1e-5


@pytest.mark.parametrize(
    ("config", "variable", "block"),
    [
        (MASK_RCNN, "SecondStageBoxPredictor/Conv_1/", "masks"),
        (MASK_RCNN, "SecondStageBoxPredictor/ClassPredictor/", "class_head"),
        # it shows in the images' drawn memory only
        (CONTEXT_RCNN, "AttentionBlock0_AttentionLayer0/fully_connected_1/BatchNorm/", "box_head"),
        (RFCN, "SecondStageBoxPredictor/refined_locations/", "box_head"),
        (RFCN, "SecondStageBoxPredictor/class_predictions/", "class_head"),
    ],
    ids=["mask_rcnn_masks", "mask_rcnn_classes", "context_rcnn_keys", "rfcn_boxes", "rfcn_classes"],
)
def test_names_the_block_of_a_wrong_variable(
    subject: Callable[[str], Subject], config: str, variable: str, block: str
) -> None:
    found = subject(config)
    weight = next(weight for weight in found.model.weights if f"/{variable}" in f"/{weight.path}")
    value = weight.numpy()
    weight.assign(value + 0.05)
    with pytest.raises(Failed, match=f"first block that differs is {block} "):
        found.prove()
    weight.assign(value)


def test_a_graph_with_masks_is_no_proof_of_a_model_without(subject: Callable[[str], Subject]) -> None:
    found = subject(MASK_RCNN)
    found.model.has_masks = False
    with pytest.raises(Failed, match=r"is masks \(the TF1 graph has masks"):
        found.prove()
    found.model.has_masks = True
