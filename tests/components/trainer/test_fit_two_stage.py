"""Training of a two-stage detector: images keep their own size, one a step."""

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
from detection.errors import BadInput
from detection.weights import write_weights

CONFIG = """
model { faster_rcnn {
  num_classes: 2
  image_resizer { keep_aspect_ratio_resizer { min_dimension: 64 max_dimension: 96 } }
  feature_extractor { type: "faster_rcnn_inception_v2" }
  first_stage_anchor_generator { grid_anchor_generator {
    height: 32 width: 32 scales: [0.5, 1] aspect_ratios: [0.5, 1, 2] } }
  first_stage_box_predictor_conv_hyperparams {
    initializer { truncated_normal_initializer { stddev: 0.01 } } }
  first_stage_box_predictor_depth: 32
  first_stage_max_proposals: 12
  initial_crop_size: 4 maxpool_kernel_size: 2 maxpool_stride: 2
  second_stage_box_predictor { mask_rcnn_box_predictor { fc_hyperparams {
    op: FC initializer { variance_scaling_initializer { } } } } }
  second_stage_batch_size: 8
  second_stage_post_processing {
    batch_non_max_suppression { iou_threshold: 0.6 max_detections_per_class: 10 max_total_detections: 10 }
    score_converter: SOFTMAX }
} }
train_config {
  batch_size: 1
  num_steps: 3
  gradient_clipping_by_norm: 10
  optimizer { momentum_optimizer { learning_rate { constant_learning_rate { learning_rate: 0.001 } } } }
  data_augmentation_options { random_horizontal_flip {} }
}
"""


@pytest.mark.slow
def test_trains_exports_and_refuses_a_batch(training, tmp_path: Path) -> None:
    config = parse_pipeline_config(CONFIG, "tests")
    keras.utils.set_random_seed(1)
    (tmp_path / "converted").mkdir()
    for shared in ("train.tfrecord.gz", "eval.tfrecord.gz", "label_map.pbtxt"):
        (tmp_path / shared).symlink_to(training.root / shared)
    write_weights(build_detector(config.model), tmp_path / "converted" / "checkpoint" / "ckpt-1")
    two_stage = replace(training, root=tmp_path, config=config)
    result = two_stage.run(tmp_path / "out", TrainOptions(eval_every_steps=3))
    assert result.steps == 3
    last = result.history[-1]
    assert math.isfinite(last["loss"]) and last["rpn_objectness_loss"] > 0 and "eval_loss" in last
    served = tf.saved_model.load(str(tmp_path / "out" / "saved_model")).signatures["serving_default"]
    assert served(tf.zeros([1, 70, 50, 3], tf.uint8))["detection_boxes"].shape == (1, 10, 4)
    with pytest.raises(BadInput, match="make no batch of 2"):
        two_stage.run(tmp_path / "refused", TrainOptions(batch_size=2))


def test_a_step_with_data_dependent_shapes_is_not_compiled(training, tmp_path: Path) -> None:
    two_stage = replace(training, config=parse_pipeline_config(CONFIG, "tests"))
    with pytest.raises(BadInput, match="can't be compiled with XLA") as error:
        two_stage.run(tmp_path, TrainOptions(jit_compile=True))
    assert error.value.where == "train.jit_compile"
