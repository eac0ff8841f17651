"""Training of a Mask R-CNN with masks, without them, and the batches that it gets."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer.fit import _not_applied, train
from components.trainer.job import TrainingPaths, make_job
from components.trainer.options import ExportOptions, TrainOptions
from detection.blocks import block_of
from detection.builder import build_detector
from detection.config.pipeline_config import parse_pipeline_config
from detection.detector import Detector
from detection.tf1.names import tf1_name
from detection.weights import read_weights, write_weights
from tests.components.trainer.conftest import LABEL_MAP
from tests.components.trainer.inputs import paths_in

# Small values leave a proposal where its anchor is: some of the anchors are on every disc.
SMALL = "initializer { truncated_normal_initializer { stddev: 0.001 } }"
CONFIG = f"""
model {{ faster_rcnn {{
  number_of_stages: 3
  num_classes: 2
  image_resizer {{ fixed_shape_resizer {{ height: 64 width: 96 }} }}
  feature_extractor {{ type: "faster_rcnn_inception_v2" }}
  first_stage_anchor_generator {{ grid_anchor_generator {{
    height: 32 width: 32 scales: [0.7, 1] aspect_ratios: 1 height_stride: 16 width_stride: 16 }} }}
  first_stage_box_predictor_conv_hyperparams {{ {SMALL} }}
  first_stage_box_predictor_depth: 32
  first_stage_nms_iou_threshold: 0.99
  first_stage_max_proposals: 48
  initial_crop_size: 4 maxpool_kernel_size: 2 maxpool_stride: 2
  second_stage_box_predictor {{ mask_rcnn_box_predictor {{
    fc_hyperparams {{ op: FC {SMALL} }}
    conv_hyperparams {{ op: CONV initializer {{ truncated_normal_initializer {{ stddev: 0.03 }} }} }}
    predict_instance_masks: true mask_height: 7 mask_width: 7
    mask_prediction_conv_depth: 16 mask_prediction_num_conv_layers: 1 }} }}
  second_stage_batch_size: 16
  second_stage_post_processing {{
    batch_non_max_suppression {{ iou_threshold: 0.6 max_detections_per_class: 5 max_total_detections: 5 }}
    score_converter: SOFTMAX }}
}} }}
train_config {{
  batch_size: 2
  num_steps: 24
  gradient_clipping_by_norm: 1
  optimizer {{ momentum_optimizer {{
    learning_rate {{ constant_learning_rate {{ learning_rate: 0.003 }} }} }} }}
  data_augmentation_options {{ random_horizontal_flip {{}} }}
}}
"""
COLORS = ((230, 20, 20), (20, 230, 20))


def write_discs(path: Path, count: int, *, masks: bool) -> None:
    """`count` pictures of 64x96 pixels with one to three discs, red or green; `masks` with theirs."""
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[:64, :96]
    with tf.io.TFRecordWriter(str(path)) as writer:
        for index in range(count):
            image = rng.integers(60, 120, [64, 96, 3], np.uint8)
            written = tf.train.Example()
            feature = written.features.feature
            for number in range(index % 3 + 1):
                radius = int(rng.integers(11, 16))
                y, x = int(rng.integers(radius, 64 - radius)), 16 + 32 * number
                disc = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
                label = int(rng.integers(2))
                image[disc] = COLORS[label]
                box = ((y - radius) / 64, (x - radius) / 96, (y + radius) / 64, (x + radius) / 96)
                for side, value in zip(("ymin", "xmin", "ymax", "xmax"), box, strict=True):
                    feature[f"image/object/bbox/{side}"].float_list.value.append(value)
                feature["image/object/class/label"].int64_list.value.append(label + 1)
                if masks:
                    png = tf.io.encode_png(disc[..., np.newaxis].astype(np.uint8)).numpy()
                    feature["image/object/mask"].bytes_list.value.append(png)
            feature["image/encoded"].bytes_list.value.append(tf.io.encode_png(image).numpy())
            feature["image/source_id"].bytes_list.value.append(f"{index}.png".encode())
            writer.write(written.SerializeToString())


def written(root: Path, *, masks: bool) -> TrainingPaths:
    """The inputs of a training on discs, less its weights."""
    paths = paths_in(root)
    for file, count in zip([*paths.train_files, *paths.eval_files], (8, 3), strict=True):
        write_discs(file, count, masks=masks)
    paths.label_map.write_text(LABEL_MAP)
    return paths


@pytest.mark.parametrize("masks", [True, False])
def test_masks_are_read_where_model_and_data_have_them(tmp_path: Path, masks: bool) -> None:
    paths, config = written(tmp_path, masks=masks), parse_pipeline_config(CONFIG, "tests")
    job = make_job(config, paths, TrainOptions(), ExportOptions())
    assert job.train_masks == job.eval_masks == masks
    detector = Detector(num_classes=2, name="mask_rcnn")
    detector.has_masks = True
    named = "second_stage_box_predictor.predict_instance_masks" in _not_applied(job, detector)
    assert named == (not masks)
    config.model.faster_rcnn.number_of_stages = 2  # a Faster R-CNN
    job = make_job(config, paths, TrainOptions(), ExportOptions())
    assert not job.train_masks and not job.eval_masks


@pytest.mark.slow
@pytest.mark.timeout(1800)  # it traces three graphs of a network that is not small
def test_a_mask_rcnn_learns_masks(tmp_path: Path) -> None:
    paths, config = written(tmp_path, masks=True), parse_pipeline_config(CONFIG, "tests")
    keras.utils.set_random_seed(1)
    before = build_detector(config.model)
    write_weights(before, paths.converted / "checkpoint" / "ckpt-1")
    result = train(config, paths, TrainOptions(eval_every_steps=24))
    losses = [row["mask_loss"] for row in result.history]
    assert len(losses) == 24 and np.isfinite(losses).all()
    assert 0 < np.mean(losses[-6:]) < 0.8 * np.mean(losses[:6]), losses
    assert result.history[-1]["eval_loss"] > 0 and result.not_applied == []

    after = build_detector(config.model)
    read_weights(after, paths.out / "checkpoint" / "ckpt-1")
    moved = {
        block_of(tf1_name(new.path, after.name))
        for old, new in zip(before.trainable_variables, after.trainable_variables, strict=True)
        if not bool(tf.reduce_all(old.value == new.value))
    }
    assert {"masks", "box_head", "class_head", "backbone"} <= moved
    served = tf.saved_model.load(str(paths.out / "saved_model")).signatures["serving_default"]
    assert served(tf.zeros([1, 64, 96, 3], tf.uint8))["detection_masks"].shape == (1, 5, 7, 7)
