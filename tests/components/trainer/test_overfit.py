"""Every native architecture learns one small batch by heart: its gradients lead to the boxes."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer.optimizer import Adam
from components.trainer.schedule import CosineDecay
from components.trainer.trainable import DetectorTrainer
from detection.boxes import iou
from detection.builder import build_detector
from detection.config.architectures import NATIVE, architecture_of
from detection.config.pipeline_config import parse_pipeline_config
from detection.detector import Detector
from detection.layers import BatchNorm
from tests.parity.od_api_configs import CONFIGS

# One config or more of each feature extractor; the first alone takes seconds.
QUICK = ("ssd_mobilenet_v1",)
SLOW = (
    "faster_rcnn_inception_v2",
    "ssdlite_mobilenet_v2",
    "embedded_ssd_mobilenet_v1",
    "ssd_mobilenet_v3_large",
    "ssd_mobilenet_v3_small",
    "ssdlite_mobilenet_edgetpu",
    "ssd_mobilenet_v1_ppn",
    "ssd_inception_v2",
    "ssd_mobilenet_v1_fpn",
    "ssd_mobilenet_v2_fpnlite_fine",
    "ssd_mobilenet_v1_shared_predictor",
    "ssd_resnet50_v1_fpn",
    "ssd_resnet101_v1_fpn",
    "ssd_resnet152_v1_fpn",
    "faster_rcnn_resnet50",
    "faster_rcnn_resnet101_atrous",
    "faster_rcnn_resnet152",
    "faster_rcnn_inception_resnet_v2",
)
# At a quarter of its width this one learns too slowly: its bottlenecks have a handful of channels.
FULL_WIDTH = ("ssdlite_mobilenet_edgetpu",)
# A region proposal network trains no anchor that crosses the image's border, and proposes from all of them,
# in TF1 as here: each size and shape must fit inside, or chance scores it. These have 91 pixels at most.
FITTING_SCALES = (0.25, 0.5, 1.0)
STEPS, CHUNK = 240, 20
RESIDUAL = 0.25  # of what a unit would add
BACKGROUND = 2.0  # logit of no object, and its negative of one
FRACTION = 0.2  # of the loss at the start
SIDE = 120


class Recipe(NamedTuple):
    """How one kind of model is trained, and what counts as found.

    Attributes:
      rate: the highest learning rate.
      likeliest: how many of an image's detections count.
      overlap: their least IoU with the object.
      score: their least.
    """

    rate: float
    likeliest: int
    overlap: float
    score: float


RECIPES = {
    "ssd": Recipe(rate=0.002, likeliest=4, overlap=0.5, score=0.0),
    # A step of Adam moves each of the thousands of inputs of the first stage's convolution: larger ones kill
    # it. Where all proposals are at the objects, the second stage is shown no background, and is as sure of a
    # worse box that non-maximum suppression leaves.
    "faster_rcnn": Recipe(rate=0.0003, likeliest=30, overlap=0.7, score=0.5),
}
# of each image: the class and the box of its objects
OBJECTS = [
    [(1, (0.1, 0.1, 0.6, 0.55)), (2, (0.45, 0.5, 0.95, 0.9))],
    [(2, (0.05, 0.4, 0.5, 0.9)), (3, (0.4, 0.1, 0.9, 0.5))],
]
COLOURS = {1: (220, 30, 30), 2: (30, 210, 40), 3: (40, 60, 230)}


def make_batch() -> tuple[np.ndarray, dict[str, tf.Tensor]]:
    """uint8 images of coloured rectangles on noise, and their groundtruth."""
    images = np.random.default_rng(0).integers(90, 160, [len(OBJECTS), SIDE, SIDE, 3], np.uint8)
    for image, objects in zip(images, OBJECTS, strict=True):
        for label, box in objects:
            top, left, bottom, right = (round(SIDE * side) for side in box)
            image[top:bottom, left:right] = COLOURS[label]
    groundtruth = {
        "boxes": tf.constant([[box for _, box in objects] for objects in OBJECTS]),
        "classes": tf.constant([[label for label, _ in objects] for objects in OBJECTS]),
        "weights": tf.ones([len(OBJECTS), 2]),
    }
    return images, groundtruth


def keep_signal(detector: Detector, images: tf.Tensor) -> None:
    """Give a deep network with random weights what a trained one has: outputs that depend on the image.

    Kernels keep the scale of their inputs, so that batch norm's epsilon is nothing beside a variance, and
    each batch norm gets the statistics of its own inputs, with which frozen batch norm goes on. A residual
    unit adds little to what it is given, or dozens make features of one sign that Adam's first steps can't
    tell apart. Most anchors are background, as a trained first stage knows from its bias: without one, all
    that its convolution learns first is to say so everywhere, and it no longer sees the image.
    """
    random = np.random.default_rng(0)
    for kernel in detector.trainable_variables:
        if len(kernel.shape) == 4 and "Predictor" not in kernel.path:
            inputs = kernel.shape[:2] if kernel.path.endswith("depthwise_kernel") else kernel.shape[:3]
            kernel.assign(random.normal(0.0, np.sqrt(2.0 / np.prod(inputs)), kernel.shape))
    for bias in detector.trainable_variables:
        if bias.path.endswith("FirstStageBoxPredictor/ClassPredictor/bias"):
            bias.assign(np.tile([BACKGROUND, -BACKGROUND], bias.shape[0] // 2))
    layers = [layer for layer in detector._flatten_layers() if isinstance(layer, BatchNorm)]
    params = [layer._params for layer in layers]
    for layer, own in zip(layers, params, strict=True):
        if layer.path.endswith("/bottleneck_v1/conv3/BatchNorm"):
            layer.gamma.assign(RESIDUAL * layer.gamma)
        layer._params = replace(own, train=True, decay=0.0)
    detector.freeze_batch_norm = False
    detector(images, training=True)
    detector.freeze_batch_norm = True
    for layer, own in zip(layers, params, strict=True):
        layer._params = own


def finds_everything(
    recipe: Recipe, detector: Detector, images: np.ndarray, objects: dict[str, tf.Tensor]
) -> bool:
    """Whether both objects of each image are among its likeliest detections, as `recipe` says, by class.

    A worse box of the first object, which non-maximum suppression leaves, may come before the second.
    """
    detections = detector.detect(tf.constant(images))
    boxes, classes, scores = (
        detections[f"detection_{name}"][:, : recipe.likeliest] for name in ("boxes", "classes", "scores")
    )
    right = iou(objects["boxes"], boxes).numpy() >= recipe.overlap
    right &= scores.numpy()[:, None] >= recipe.score
    right &= objects["classes"].numpy()[:, :, None] == tf.cast(classes, tf.int32).numpy()[:, None]
    return bool(right.any(axis=2).all())


def proposes_everything(detector: Detector, images: tf.Tensor, groundtruth: dict[str, tf.Tensor]) -> bool:
    """Whether the first stage of a detector that has one proposes each object at IoU 0.7."""
    proposed = detector(images).get("proposal_boxes_normalized")
    if proposed is None:
        return True
    return bool((iou(groundtruth["boxes"], proposed).numpy() >= 0.7).any(axis=2).all())


def test_every_native_architecture_is_here() -> None:
    models = [parse_pipeline_config(CONFIGS[name], name).model for name in (*QUICK, *SLOW)]
    assert {architecture_of(model) for model in models} == set(NATIVE)


@pytest.mark.parametrize(
    "name",
    [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)],
)
def test_a_batch_is_learnt_by_heart(name: str) -> None:
    keras.utils.set_random_seed(3)
    config = parse_pipeline_config(CONFIGS[name], name).model
    if name in FULL_WIDTH:
        config.ssd.feature_extractor.depth_multiplier = 1.0
    if config.HasField("faster_rcnn"):
        config.faster_rcnn.first_stage_anchor_generator.grid_anchor_generator.scales[:] = FITTING_SCALES
    recipe = RECIPES[config.WhichOneof("model")]
    detector = build_detector(config)
    images, groundtruth = make_batch()
    preprocessed = detector.preprocess(tf.constant(images))
    keep_signal(detector, preprocessed)
    trained = detector.trainable_variables
    optimizer = Adam(CosineDecay(recipe.rate, 2 * STEPS, warmup_steps=10))
    optimizer.build(trained)
    trainer = DetectorTrainer(detector, trained, clip_norm=10.0, regularize=False)
    trainer.compile(optimizer=optimizer)
    batches = tf.data.Dataset.from_tensors((preprocessed, groundtruth)).repeat()
    losses: list[float] = []

    class Losses(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, tf.Tensor] | None = None) -> None:
            assert logs is not None
            losses.append(float(logs["loss"]))

    learnt = False
    while not learnt and len(losses) < STEPS:
        trainer.fit(batches, steps_per_epoch=CHUNK, shuffle=False, verbose=0, callbacks=[Losses()])
        learnt = np.mean(losses[-5:]) < FRACTION * losses[0]
        learnt = learnt and finds_everything(recipe, detector, images, groundtruth)
        learnt = learnt and proposes_everything(detector, preprocessed, groundtruth)
    assert learnt, f"losses {np.round(losses[::CHUNK] + losses[-1:], 4)}"
    print(f"{name}: {len(losses)} steps, loss {losses[0]:.3f} to {losses[-1]:.4f}")
