"""Training of a Context R-CNN with the context features of its records, and its evaluation."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.evaluator.detector import SavedDetector
from components.evaluator.evaluate import EvaluationData, evaluate
from components.evaluator.examples import read_examples
from components.trainer.fit import train
from components.trainer.job import TrainingPaths, make_job
from components.trainer.options import ExportOptions, TrainOptions
from detection.builder import build_detector
from detection.config.label_map import read_label_map
from detection.config.pipeline_config import parse_pipeline_config
from detection.errors import BadInput
from detection.tf1.names import tf1_name
from detection.weights import read_weights, write_weights
from tests.components.trainer.conftest import LABEL_MAP
from tests.components.trainer.inputs import paths_in

SMALL = "initializer { truncated_normal_initializer { stddev: 0.01 } }"
CONFIG = f"""
model {{ faster_rcnn {{
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
  second_stage_box_predictor {{ mask_rcnn_box_predictor {{ fc_hyperparams {{ op: FC {SMALL} }} }} }}
  second_stage_batch_size: 16
  second_stage_post_processing {{
    batch_non_max_suppression {{ iou_threshold: 0.6 max_detections_per_class: 5 max_total_detections: 5 }}
    score_converter: SOFTMAX }}
  context_config {{
    max_num_context_features: 12 context_feature_length: 8 attention_bottleneck_dimension: 16 }}
}} }}
train_config {{
  batch_size: 2
  num_steps: 24
  gradient_clipping_by_norm: 10
  optimizer {{ momentum_optimizer {{
    learning_rate {{ constant_learning_rate {{ learning_rate: 0.003 }} }} }} }}
  data_augmentation_options {{ random_horizontal_flip {{}} }}
}}
"""
COLORS = ((230, 20, 20), (20, 230, 20))


def write_rectangles(path: Path, count: int, *, rows: int = 5) -> None:
    """`count` pictures of 64x96 pixels with a rectangle each, red or green, and `rows` rows of context."""
    rng = np.random.default_rng(count)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for index in range(count):
            image = rng.integers(60, 120, [64, 96, 3], np.uint8)
            top, left, label = rng.integers(2, 34), rng.integers(2, 66), index % 2
            image[top : top + 28, left : left + 28] = COLORS[label]
            box = {"ymin": top / 64, "xmin": left / 96, "ymax": (top + 28) / 64, "xmax": (left + 28) / 96}
            example = tf.train.Example()
            feature = example.features.feature
            for side, value in box.items():
                feature[f"image/object/bbox/{side}"].float_list.value.append(value)
            feature["image/object/class/label"].int64_list.value.append(label + 1)
            feature["image/object/class/text"].bytes_list.value.append((b"red", b"green")[label])
            feature["image/encoded"].bytes_list.value.append(tf.io.encode_png(image).numpy())
            for name in ("image/filename", "image/source_id"):
                feature[name].bytes_list.value.append(f"{index}.png".encode())
            if rows:
                features = rng.normal(size=rows * 8)
                feature["image/context_features"].float_list.value.extend(features)
                feature["image/context_feature_length"].int64_list.value.append(8)
            writer.write(example.SerializeToString())


def written(root: Path, *, rows: int = 5) -> TrainingPaths:
    """The inputs of a training, less its weights."""
    paths = paths_in(root)
    for file, count in zip([*paths.train_files, *paths.eval_files], (8, 3), strict=True):
        write_rectangles(file, count, rows=rows)
    paths.label_map.write_text(LABEL_MAP)
    return paths


def test_without_any_context_it_is_not_trained(tmp_path: Path) -> None:
    config, options = parse_pipeline_config(CONFIG, "tests"), (TrainOptions(), ExportOptions())
    paths = written(tmp_path, rows=0)
    with pytest.raises(BadInput, match="no training image has image/context_features"):
        make_job(config, paths, *options)
    config.model.faster_rcnn.ClearField("context_config")  # a Faster R-CNN
    assert make_job(config, paths, *options).train_images == 8


@pytest.mark.slow
@pytest.mark.timeout(1800)  # it traces graphs of a network that is not small
def test_a_context_rcnn_learns_and_is_evaluated_with_its_memory(tmp_path: Path) -> None:
    paths, config = written(tmp_path), parse_pipeline_config(CONFIG, "tests")
    keras.utils.set_random_seed(1)
    before = build_detector(config.model)
    write_weights(before, paths.converted / "checkpoint" / "ckpt-1")
    result = train(config, paths, TrainOptions(eval_every_steps=24, train_batch_norm=True))
    losses = [row["loss"] for row in result.history]
    assert len(losses) == 24 and np.isfinite(losses).all()
    assert np.mean(losses[-6:]) < 0.8 * np.mean(losses[:6]), losses
    assert result.history[-1]["eval_loss"] > 0 and result.not_applied == []

    after = build_detector(config.model)
    read_weights(after, paths.out / "checkpoint" / "ckpt-1")
    moved = {
        tf1_name(new.path, after.name)
        for old, new in zip(before.weights, after.weights, strict=True)
        if not bool(tf.reduce_all(old.value == new.value))
    }
    attention = {tf1_name(weight.path, after.name) for weight in after.weights if "Attention" in weight.path}
    assert len(attention) >= 8 and attention <= moved, attention - moved

    exported = SavedDetector(paths.out / "saved_model")
    labels = read_label_map(paths.label_map)
    data = EvaluationData(paths.eval_files, labels)
    found = evaluate(exported, data, labels, title="x", saved_model=paths.out)
    assert found.evaluation.notes == ["3 of 3 images have context features."]
    job = make_job(config, paths, TrainOptions(), ExportOptions())
    (_, groundtruth), *_ = batches = list(job.validation_batches(after))
    assert groundtruth["valid_context_size"].numpy().tolist() == [5, 5]
    validate = tf.function(after.losses_and_detections, autograph=False)
    scores = np.concatenate([validate(*batch)[1]["detection_scores"].numpy() for batch in batches])
    evaluated = np.stack([image.detection_scores for image in found.images])
    np.testing.assert_allclose(scores, evaluated, atol=1e-4)
    forgetful = exported.detect(
        np.stack([example.pixels() for example in read_examples(paths.eval_files, labels)])
    )
    difference = np.abs(np.stack([one.scores for one in forgetful]) - evaluated)
    assert (difference.max(axis=1) > 1e-3).all(), difference
