"""Faster R-CNN's four losses against the OD API's TF1 graph, with samplers that take everything."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from components.checkpoint_converter.restore import require_complete, restore
from components.checkpoint_converter.sources import read_checkpoint
from detection.builder import build_detector
from detection.config.pipeline_config import read_pipeline_config
from tests.parity.child import run_child
from tests.parity.od_api import TF1Detector, write_detector
from tests.parity.od_api_configs import faster_rcnn

NAMES = {
    "rpn_localization_loss": "RPNLoss/localization_loss",
    "rpn_objectness_loss": "RPNLoss/objectness_loss",
    "localization_loss": "BoxClassifierLoss/localization_loss",
    "classification_loss": "BoxClassifierLoss/classification_loss",
}
# a minibatch of all candidates: then nothing depends on what the samplers draw
EVERYTHING = """
  first_stage_minibatch_size: 100000 first_stage_positive_balance_fraction: 1
  second_stage_balance_fraction: 1
  first_stage_localization_loss_weight: 2 second_stage_localization_loss_weight: 3
"""


MINER = (
    "hard_example_miner { num_hard_examples: 8 iou_threshold: 0.5 loss_type: BOTH"
    " max_negatives_per_positive: 1 min_negatives_per_image: 1 }"
)


def config_of(options: str = "") -> str:
    config = faster_rcnn("faster_rcnn_inception_v2", rpn=EVERYTHING + options)
    return config.replace("second_stage_batch_size: 16", "second_stage_batch_size: 30")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> TF1Detector:
    return write_detector(config_of(), tmp_path_factory.mktemp("tf1"))


@pytest.mark.slow
@pytest.mark.parametrize("options", ["", MINER], ids=["sampled", "mined"])
def test_losses_equal_the_od_apis(source: TF1Detector, options: str) -> None:
    folder = source.config.parent
    source.config.write_text(config_of(options))
    random = np.random.default_rng(7)
    center, half = random.uniform(0.3, 0.7, [6, 2]), random.uniform(0.05, 0.3, [6, 2])
    boxes = np.clip(np.concatenate([center - half, center + half], axis=1), 0, 1).astype(np.float32)
    classes = random.integers(1, 4, 6).astype(np.int32)
    weights = np.array([1, 1, 0.5, 1, 0, 1], np.float32)
    image = random.integers(0, 255, [150, 200, 3]).astype(np.uint8)
    np.savez(folder / "batch.npz", image=image, boxes=boxes, classes=classes, weights=weights)
    run_child("faster_rcnn_od_api", str(folder))

    model = build_detector(read_pipeline_config(source.config).model)
    variables = read_checkpoint(source.checkpoint)
    require_complete(restore(model, variables), variables.path)
    groundtruth = {  # a row of padding, as the trainer's batches have
        "boxes": tf.constant(np.pad(boxes, [[0, 1], [0, 0]])[None]),
        "classes": tf.constant(np.pad(classes, [0, 1])[None]),
        "weights": tf.constant(np.pad(weights, [0, 1])[None]),
    }
    found = model.compute_losses(model.preprocess(tf.constant(image[None])), groundtruth, training=True)
    with np.load(folder / "losses.npz") as wanted:
        for name, theirs in NAMES.items():
            print(name, float(found[name]), float(wanted[theirs]))
            np.testing.assert_allclose(found[name], wanted[theirs], rtol=1e-4)
            assert found[name] > 0
