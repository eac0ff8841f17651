"""Proves one architecture: a TF1 model converted from its checkpoint and frozen graph, then trained."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from components.checkpoint_converter.convert import convert
from components.checkpoint_converter.report import ConversionReport
from detection.builder import build_detector
from detection.config.pipeline_config import read_pipeline_config
from detection.context import FEATURES, VALID
from detection.detector import Detector
from detection.two_stage import TwoStageDetector
from detection.weights import read_weights
from pipelines.architectures.proofs import ArchitectureProof
from tests.parity.od_api import write_detector
from tests.parity.od_api_configs import DEAD
from tests.parity.od_api_shim_configs import ALL_CONFIGS, SHIM_CONFIGS, SHIM_DEAD

LIMIT = 1e-4
STEPS = 5


def prove(name: str, folder: Path) -> ArchitectureProof:
    """Build, convert twice, train; AssertionError where any of it is not as it must be."""
    source = write_detector(ALL_CONFIGS[name], folder / "tf1")
    config = read_pipeline_config(source.config)
    reports = {
        kind: convert(config, path, folder / kind, images=[])
        for kind, path in (("checkpoint", source.checkpoint), ("frozen_graph", source.frozen_graph))
    }
    for kind, report in reports.items():
        _check(name, kind, report)
    losses = training_losses(name, folder / "checkpoint")
    assert np.isfinite(losses).all() and losses[-1] < losses[0], losses
    proofs = [report.proof for report in reports.values() if report.proof is not None]
    exported = tf.saved_model.load(str(folder / "checkpoint" / "saved_model"))
    photo = tf.zeros([1, 90, 120, 3], tf.uint8)
    assert exported.signatures["serving_default"](input_tensor=photo)["detection_boxes"].shape[-1] == 4
    return ArchitectureProof(
        architecture=name,
        extractor=reports["checkpoint"].architecture,
        raw_from_checkpoint=proofs[0].max_difference_raw,
        raw_from_frozen_graph=proofs[1].max_difference_raw,
        detections=max(max(p.max_difference_boxes, p.max_difference_scores) for p in proofs),
        matched_detections=proofs[0].matched_detections,
        variables=reports["checkpoint"].variables_total,
        loss_before=losses[0],
        loss_after=losses[-1],
        model="shim" if name in SHIM_CONFIGS else "native",
    )


def prove_all() -> Iterator[ArchitectureProof]:
    """Prove every architecture in turn, and say so."""
    for name in ALL_CONFIGS:
        with tempfile.TemporaryDirectory() as folder:
            proof = prove(name, Path(folder))
        print(f"{name}: raw {proof.raw:.1e}, detections {proof.detections:.1e}", flush=True)
        keras.backend.clear_session()
        yield proof


def _check(name: str, kind: str, report: ConversionReport) -> None:
    proof = report.proof
    assert proof is not None and proof.passed and proof.images == 4
    assert proof.max_difference_raw <= LIMIT
    assert max(proof.max_difference_boxes, proof.max_difference_scores) <= LIMIT
    assert proof.matched_detections >= 10
    assert report.kind == kind
    assert report.variables_loaded == report.variables_total
    dropped = {variable.name for variable in report.of_state("dropped")}
    if kind == "frozen_graph":
        assert not dropped
    assert {
        variable for variable in dropped if not variable.startswith((DEAD | SHIM_DEAD).get(name, ()))
    } == set()


def training_losses(name: str, converted: Path) -> list[float]:
    """The total loss of a fixed batch before each of five steps, and after the last."""
    detector = build_detector(read_pipeline_config(converted / "pipeline.config").model)
    read_weights(detector, converted / "checkpoint" / "ckpt-1")
    random = np.random.default_rng(5)
    images = detector.preprocess(tf.constant(random.uniform(0, 255, [2, 90, 120, 3]), tf.float32))
    groundtruth = {
        "boxes": tf.constant([[[0.1, 0.1, 0.6, 0.5]], [[0.3, 0.4, 0.9, 0.8]]]),
        "classes": tf.constant([[1], [3]]),
        "weights": tf.ones([2, 1]),
    }
    if detector.has_masks:
        groundtruth["masks"] = tf.ones([2, 1, *images.shape[1:3]])
    if detector.context_shape is not None:
        groundtruth |= {
            FEATURES: tf.constant(random.normal(size=[2, *detector.context_shape]), tf.float32),
            VALID: tf.constant([detector.context_shape.size, 7]),
        }
    optimizer = keras.optimizers.Adam(_rate(name, detector))
    variables = detector.trainable_variables
    optimizer.build(variables)

    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            parts = detector.compute_losses(images, groundtruth, training=True)
            loss = tf.add_n([*parts.values(), detector.regularization_loss()])
        optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)
        return loss

    if detector.no_native_model is not None:  # the OD API's code is slow to build: once is enough
        step = tf.function(step, autograph=False)
    return [float(step()) for _ in range(STEPS + 1)]


def _rate(name: str, detector: Detector) -> float:
    """The step for Adam, which moves every weight by about as much."""
    deepest = ("faster_rcnn_nas", "faster_rcnn_pnas", "mask_rcnn_inception_resnet_v2")
    if name in (*deepest, "faster_rcnn_inception_resnet_v2_atrous"):
        return 1e-5  # hundreds of layers with frozen batch norm
    # a two-stage detector's second stage is thrown off where the first one's boxes jump
    return 1e-4 if isinstance(detector, TwoStageDetector) else 1e-3
