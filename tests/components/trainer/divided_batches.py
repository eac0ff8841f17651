"""A few steps of training on batches that are whole, or divided over replicas and into parts."""

from __future__ import annotations

import json
import sys
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from components.trainer.averages import MovingAverages
from components.trainer.optimizer import Momentum
from components.trainer.schedule import ExponentialDecay
from components.trainer.trainable import DetectorTrainer
from detection.builder import build_detector
from detection.config.pipeline_config import parse_pipeline_config
from detection.detector import Detector
from detection.extractors.faster_rcnn_inception_v2 import faster_rcnn_inception_v2
from detection.faster_rcnn_builder import build_faster_rcnn
from detection.shim.builder import build_shim

STEPS = 3
BATCH = 8
_MINER = """loss { classification_loss { weighted_sigmoid {} } hard_example_miner {
  num_hard_examples: 100 iou_threshold: 0.99 loss_type: CLASSIFICATION
  max_negatives_per_positive: 3 min_negatives_per_image: 3 }"""
_FOCAL = "loss { classification_loss { weighted_sigmoid_focal { gamma: 2 alpha: 0.25 } }"
_HYPERPARAMS = """conv_hyperparams {
  regularizer { l2_regularizer { weight: 0.001 } }
  initializer { truncated_normal_initializer { stddev: 0.1 } }
  batch_norm { scale: true decay: 0.9 epsilon: 0.001 } }"""


def ssd(loss: str) -> str:
    """The config of a small SSD; it normalises its loss by the matches of the batch."""
    return f"""model {{ ssd {{
      num_classes: 2
      image_resizer {{ fixed_shape_resizer {{ height: 64 width: 64 }} }}
      feature_extractor {{ type: "ssd_mobilenet_v1" depth_multiplier: 0.25 min_depth: 8 {_HYPERPARAMS} }}
      box_coder {{ faster_rcnn_box_coder {{ }} }}
      matcher {{ argmax_matcher {{ force_match_for_each_row: true }} }}
      similarity_calculator {{ iou_similarity {{}} }}
      box_predictor {{ convolutional_box_predictor {{ kernel_size: 1 use_dropout: false {_HYPERPARAMS} }} }}
      anchor_generator {{ ssd_anchor_generator {{ num_layers: 6 aspect_ratios: [1, 2, 0.5] }} }}
      post_processing {{ score_converter: SIGMOID batch_non_max_suppression {{
        iou_threshold: 0.6 max_detections_per_class: 10 max_total_detections: 10 }} }}
      normalize_loss_by_num_matches: true
      {loss} localization_loss {{ weighted_smooth_l1 {{}} }}
        classification_weight: 1 localization_weight: 1 }}
    }} }}"""


FASTER_RCNN = """model { faster_rcnn {
  num_classes: 2
  image_resizer { fixed_shape_resizer { height: 96 width: 96 } }
  feature_extractor { type: "faster_rcnn_inception_v2" }
  first_stage_anchor_generator { grid_anchor_generator {
    height: 32 width: 32 scales: [0.5, 1] aspect_ratios: [0.5, 1, 2] } }
  first_stage_box_predictor_conv_hyperparams {
    regularizer { l2_regularizer { weight: 0.001 } }
    initializer { truncated_normal_initializer { stddev: 0.1 } } }
  first_stage_box_predictor_depth: 16
  first_stage_minibatch_size: 16
  first_stage_max_proposals: 100
  initial_crop_size: 4 maxpool_kernel_size: 2 maxpool_stride: 2
  second_stage_box_predictor { mask_rcnn_box_predictor { fc_hyperparams {
    op: FC initializer { variance_scaling_initializer { } } } } }
  second_stage_batch_size: 12
  second_stage_post_processing {
    batch_non_max_suppression { iou_threshold: 0.6 max_detections_per_class: 10 max_total_detections: 10 }
    score_converter: SOFTMAX }
} }"""

MODELS = {
    "hard_examples": ssd(_MINER),
    "focal": ssd(_FOCAL),
    "faster_rcnn": FASTER_RCNN,
    "od_api": ssd(_MINER),  # through the OD API's own code
}


class Outcome(NamedTuple):
    """Losses of each step; weights, averages and accumulators after the last."""

    losses: list[dict[str, float]]
    values: list[np.ndarray]


def train(
    name: str,
    *,
    strategy: tf.distribute.Strategy | None = None,
    parts: int = 1,
) -> Outcome:
    """Trains MODELS[name] from the same weights on the same batches, with clipping and moving averages."""
    keras.utils.set_random_seed(1)
    with (strategy or tf.distribute.get_strategy()).scope():
        detector = _build(name)
        detector.freeze_batch_norm = True
        trained = detector.trainable_variables
        optimizer = Momentum(ExponentialDecay(0.001, 1, 0.9))
        optimizer.build(trained)
        averages = MovingAverages(trained, 0.9)
        trainer = DetectorTrainer(detector, trained, clip_norm=2.0, averages=averages, parts=parts)
        trainer.compile(optimizer=optimizer, jit_compile=False)
    recorder = _Recorder()
    dataset = tf.data.Dataset.from_tensor_slices(_examples(MODELS[name])).batch(BATCH, drop_remainder=True)
    trainer.fit(dataset, steps_per_epoch=STEPS, shuffle=False, verbose=0, callbacks=[recorder])
    kept = [*detector.variables, *averages.averages, *optimizer.variables]
    return Outcome(recorder.losses, [variable.numpy() for variable in kept])


def distance(one: Outcome, other: Outcome) -> float:
    """The largest difference of any loss or value, in parts of what is above 1."""
    pairs: list[tuple[Any, Any]] = list(zip(one.values, other.values, strict=True))
    for own, theirs in zip(one.losses, other.losses, strict=True):
        pairs += [(own[name], theirs[name]) for name in own]
    return max(
        float(np.max(np.abs(own - theirs) / np.maximum(np.abs(own), 1), initial=0)) for own, theirs in pairs
    )


def _build(name: str) -> Detector:
    model = parse_pipeline_config(MODELS[name], name).model
    if name == "od_api":
        return build_shim(model)
    if name != "faster_rcnn":
        return build_detector(model)
    # of a tenth of the channels, which no config can ask for
    extractor = faster_rcnn_inception_v2(model.faster_rcnn.feature_extractor, 0.1)
    return build_faster_rcnn(model.faster_rcnn, extractor=extractor)


class _Recorder(keras.callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.losses: list[dict[str, float]] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, tf.Tensor] | None = None) -> None:
        self.losses.append({name: float(value) for name, value in (logs or {}).items()})


def _examples(config: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Noise with 0 to 3 boxes, more of them in the first images of each batch."""
    random = np.random.default_rng(5)
    count, side = STEPS * BATCH, 96 if "height: 96" in config else 64
    corners = random.uniform(0.0, 0.5, [count, 3, 2])
    boxes = np.concatenate([corners, corners + random.uniform(0.2, 0.5, [count, 3, 2])], axis=-1)
    objects = np.tile([3, 3, 2, 3, 0, 1, 0, 1], STEPS)
    there = np.arange(3) < objects[:, np.newaxis]
    return random.uniform(-1, 1, [count, side, side, 3]).astype(np.float32), {
        "boxes": (boxes * there[..., np.newaxis]).astype(np.float32),
        "classes": (random.integers(1, 3, [count, 3]) * there).astype(np.int32),
        "weights": there.astype(np.float32),
    }


def main(name: str, *parts: str) -> None:
    """Prints how far two replicas, on two logical processors, are from one; for each number of parts."""
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    whole = train(name)
    for count in parts:
        divided = train(name, strategy=strategy, parts=int(count))
        print(json.dumps({"distance": distance(whole, divided), "losses": whole.losses}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
