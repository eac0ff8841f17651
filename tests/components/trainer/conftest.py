"""A training that takes seconds: a small detector, drawn rectangles, converted weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer.fit import train
from components.trainer.job import TrainingJob, TrainingPaths, make_job
from components.trainer.options import ExportOptions, TrainOptions
from components.trainer.results import TrainingResult
from detection.builder import build_detector
from detection.config.pipeline_config import parse_pipeline_config, write_pipeline_config
from detection.weights import write_weights

CONFIG = """
model { ssd {
  num_classes: 2
  image_resizer { fixed_shape_resizer { height: 64 width: 64 } }
  feature_extractor {
    type: "ssd_mobilenet_v1" depth_multiplier: 0.25 min_depth: 8
    conv_hyperparams {
      regularizer { l2_regularizer { weight: 0.00004 } }
      initializer { truncated_normal_initializer { stddev: 0.1 } }
      batch_norm { scale: true decay: 0.9 epsilon: 0.001 } }
  }
  box_coder { faster_rcnn_box_coder { y_scale: 10 x_scale: 10 height_scale: 5 width_scale: 5 } }
  matcher { argmax_matcher {
    matched_threshold: 0.5 unmatched_threshold: 0.5 force_match_for_each_row: true } }
  similarity_calculator { iou_similarity {} }
  box_predictor { convolutional_box_predictor {
    kernel_size: 1 box_code_size: 4 use_dropout: false
    conv_hyperparams {
      regularizer { l2_regularizer { weight: 0.00004 } }
      initializer { truncated_normal_initializer { stddev: 0.03 } }
      batch_norm { scale: true decay: 0.9 epsilon: 0.001 } } } }
  anchor_generator { ssd_anchor_generator {
    num_layers: 6 min_scale: 0.2 max_scale: 0.95 aspect_ratios: 1.0 aspect_ratios: 2.0 aspect_ratios: 0.5 } }
  post_processing {
    batch_non_max_suppression { score_threshold: 0.01 iou_threshold: 0.6
      max_detections_per_class: 10 max_total_detections: 10 }
    score_converter: SIGMOID }
  normalize_loss_by_num_matches: true
  loss {
    localization_loss { weighted_smooth_l1 {} }
    classification_loss { weighted_sigmoid {} }
    hard_example_miner { num_hard_examples: 100 iou_threshold: 0.99 loss_type: CLASSIFICATION
      max_negatives_per_positive: 3 min_negatives_per_image: 3 }
    classification_weight: 1 localization_weight: 1 }
} }
train_config {
  batch_size: 4
  num_steps: 8
  optimizer { momentum_optimizer { learning_rate { constant_learning_rate { learning_rate: 0.003 } } } }
  data_augmentation_options { random_horizontal_flip {} }
  bias_grad_multiplier: 2.0
}
"""

LABEL_MAP = "item { id: 1 name: 'red' }\nitem { id: 2 name: 'green' }\n"


def _write_examples(path: Path, count: int, seed: int) -> None:
    """`count` pictures of 64x80 pixels with one red or green rectangle each."""
    rng = np.random.default_rng(seed)
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for index in range(count):
            image = rng.integers(60, 120, [64, 80, 3], np.uint8)
            top, left = rng.integers(4, 28), rng.integers(4, 36)
            image[top : top + 30, left : left + 34] = (230, 20, 20) if index % 2 == 0 else (20, 230, 20)

            def floats(value: float) -> tf.train.Feature:
                return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))

            feature = {
                "image/source_id": tf.train.Feature(
                    bytes_list=tf.train.BytesList(value=[f"{path.name.split('.')[0]}-{index}.png".encode()])
                ),
                "image/encoded": tf.train.Feature(
                    bytes_list=tf.train.BytesList(value=[tf.io.encode_png(image).numpy()])
                ),
                "image/object/bbox/ymin": floats(top / 64),
                "image/object/bbox/xmin": floats(left / 80),
                "image/object/bbox/ymax": floats((top + 30) / 64),
                "image/object/bbox/xmax": floats((left + 34) / 80),
                "image/object/class/label": tf.train.Feature(
                    int64_list=tf.train.Int64List(value=[index % 2 + 1])
                ),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())


@dataclass(frozen=True)
class Training:
    """The inputs of a training, on disk, and a way to run it."""

    root: Path
    config: Any

    def paths(self, out: Path, work_dir: Path | None = None) -> TrainingPaths:
        """What a training into `out` reads and writes."""
        return TrainingPaths(
            converted=self.root / "converted",
            train_files=[self.root / "train.tfrecord.gz"],
            eval_files=[self.root / "eval.tfrecord.gz"],
            label_map=self.root / "label_map.pbtxt",
            out=out,
            work=work_dir or out / "work",
            logs=out / "logs",
        )

    def job(self, out: Path, options: TrainOptions) -> TrainingJob:
        """The training into `out`, not yet begun."""
        return make_job(self.config, self.paths(out), options, ExportOptions())

    def run(
        self, out: Path, options: TrainOptions | None = None, work_dir: Path | None = None
    ) -> TrainingResult:
        """Trains into `out`."""
        return train(self.config, self.paths(out, work_dir), options or TrainOptions())


@pytest.fixture(scope="session")
def training(tmp_path_factory: pytest.TempPathFactory) -> Training:
    """A directory with pipeline.config, label_map.pbtxt, converted/, train.tfrecord.gz, eval.tfrecord.gz."""
    root = tmp_path_factory.mktemp("training")
    config = parse_pipeline_config(CONFIG, "tests")
    keras.utils.set_random_seed(1)
    write_weights(build_detector(config.model), root / "converted" / "checkpoint" / "ckpt-1")
    write_pipeline_config(config, root / "pipeline.config")
    (root / "label_map.pbtxt").write_text(LABEL_MAP)
    _write_examples(root / "train.tfrecord.gz", 22, 1)
    _write_examples(root / "eval.tfrecord.gz", 6, 2)
    return Training(root, config)


@pytest.fixture(scope="session")
def weights_of(training: Training) -> Callable[[Path], dict[str, np.ndarray]]:
    """Reads the weights in a training's output directory."""
    from detection.weights import read_weights

    def read(out: Path) -> dict[str, np.ndarray]:
        detector = build_detector(training.config.model)
        read_weights(detector, out / "checkpoint" / "ckpt-1")
        return {variable.path: variable.numpy() for variable in detector.weights}

    return read
