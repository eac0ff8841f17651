"""Training of a detector that runs the OD API's own code: the same calls as for a native one."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from components.trainer.options import TrainOptions
from detection.builder import build_detector
from detection.config.pipeline_config import parse_pipeline_config
from detection.tf1.names import tf1_name
from detection.weights import read_weights, write_weights
from tests.parity.od_api_shim_configs import SHIM_CONFIGS

TRAINING = """
train_config {
  batch_size: 2
  num_steps: 4
  freeze_variables: "FeatureExtractor/MobileDetCPU/IBN"
  optimizer { momentum_optimizer { learning_rate { constant_learning_rate { learning_rate: 0.001 } } } }
  data_augmentation_options { random_horizontal_flip {} }
}
"""


@pytest.mark.slow
def test_trains_freezes_evaluates_and_exports(training, tmp_path: Path) -> None:
    text = SHIM_CONFIGS["ssdlite_mobiledet_cpu"].replace("num_classes: 3", "num_classes: 2")
    config = parse_pipeline_config(text + TRAINING, "tests")
    keras.utils.set_random_seed(1)
    (tmp_path / "converted").mkdir()
    for shared in ("train.tfrecord.gz", "eval.tfrecord.gz", "label_map.pbtxt"):
        (tmp_path / shared).symlink_to(training.root / shared)
    before = build_detector(config.model)
    write_weights(before, tmp_path / "converted" / "checkpoint" / "ckpt-1")
    result = replace(training, root=tmp_path, config=config).run(
        tmp_path / "out", TrainOptions(eval_every_steps=4)
    )
    assert result.steps == 4
    last = result.history[-1]
    assert math.isfinite(last["loss"]) and last["regularization_loss"] > 0 and "eval_loss" in last

    after = build_detector(config.model)
    read_weights(after, tmp_path / "out" / "checkpoint" / "ckpt-1")
    moved = {
        tf1_name(new.path, after.name): not bool(tf.reduce_all(old.value == new.value))
        for old, new in zip(before.trainable_variables, after.trainable_variables, strict=True)
    }
    assert not any(has for name, has in moved.items() if "MobileDetCPU/IBN" in name)
    # a box head without a matched anchor has no gradient; every class head has
    assert all(has for name, has in moved.items() if name.endswith("ClassPredictor/biases"))
    served = tf.saved_model.load(str(tmp_path / "out" / "saved_model")).signatures["serving_default"]
    found = served(tf.zeros([1, 70, 50, 3], tf.uint8))
    for name, value in after.detect(tf.zeros([1, 70, 50, 3], tf.uint8)).items():
        tf.debugging.assert_near(found[name], value, atol=1e-6, message=name)
