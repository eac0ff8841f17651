"""Proves that a converted model computes what its TF1 graph computes, from the same uint8 images."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from components.checkpoint_converter.proof_context import require_same_memory
from components.checkpoint_converter.proof_detections import compare_detections
from components.checkpoint_converter.proof_postprocessing import BOXES, CLASSES, prove_postprocessing
from components.checkpoint_converter.proof_roundings import RoundingReplay
from components.checkpoint_converter.proof_stages import (
    TOLERANCE,
    Arrays,
    Stage,
    preprocessing,
    require_equal,
)
from components.checkpoint_converter.proof_two_stage import prove_two_stage
from components.checkpoint_converter.report import Proof
from components.checkpoint_converter.tally import Tally
from detection.blocks import block_of
from detection.errors import Failed
from detection.rounding import RoundingDetector
from detection.tf1.frozen_graph import FrozenDetector
from detection.two_stage import TwoStageDetector

RAW = (BOXES, CLASSES)
RAW_BLOCKS = dict(zip(RAW, ("box_head", "class_head"), strict=True))


def prove(
    model: Any, oracle: FrozenDetector, images: list[np.ndarray], image_source: str, score_threshold: float
) -> Proof:
    """Compare a detector with the checkpoint's classes with the TF1 graph, on uint8 [h, w, 3] images.

    Raw predictions must agree within 1e-4 of the tensor's largest value; detections pair one to one within
    1e-4 in coordinates and scores, those of drawn raw predictions too (see proof_postprocessing). Failed
    otherwise, naming the first block that differs. A model that rounds inside is compared on the TF1 graph's
    own input to each rounding.
    """
    is_two_stage = isinstance(model, TwoStageDetector)
    if is_two_stage and oracle.two_stage is not None:
        require_same_memory(model.context_shape, oracle.context_shape)
        return prove_two_stage(model, oracle, oracle.two_stage, images, image_source, score_threshold)
    if is_two_stage or oracle.raw is None:
        wanted = "two stages as Faster R-CNN's" if is_two_stage else "what enters a Postprocessor as SSD's do"
        raise Failed(
            f"the raw predictions can't be found in the TF1 graph: it has not {wanted}",
            "the TF1 graph",
            "convert from the checkpoint and its pipeline.config instead of the frozen graph",
        )

    @tf.function(input_signature=[tf.TensorSpec([1, None, None, 3], tf.uint8)])
    def detect(image: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.device("/CPU:0"):  # a GPU's TF32 convolutions are coarser than the tolerance
            preprocessed = model.preprocess(image)
            predictions = model(preprocessed, training=False)
            found = {name: predictions[name] for name in RAW} | model.postprocess(predictions)
            return found | {"preprocessed": preprocessed}

    tally = Tally()
    rounding = RoundingReplay(model, oracle, RAW) if isinstance(model, RoundingDetector) else None
    for number, image in enumerate(images, start=1):
        reference = oracle.run(image[None])
        converted = {name: value.numpy() for name, value in detect(image[None]).items()}
        before: list[Stage] = []
        if oracle.raw.preprocessed is not None:  # a small error there need not show in what follows
            name = oracle.raw.preprocessed
            seen = oracle.fetch([name], image[None])[name]
            before.append(preprocessing("preprocessed", seen, converted["preprocessed"]))
        maps = None
        if rounding is not None:
            require_equal(before, number)
            rounding.inform(oracle.raw, image, reference, converted)
            rounded, converted, maps = rounding.run(image, number)
            before += rounded
        raw = [*before, *(Stage(RAW_BLOCKS[name], name, reference[name], converted[name]) for name in RAW)]
        if any(stage.relative > TOLERANCE for stage in raw):
            require_equal([*stages(model, oracle, image, maps), *raw], number)
        if number == 1:
            own = _postprocessing(model, image)
            tally.drawn(prove_postprocessing(own, oracle, oracle.raw, image, score_threshold))
        replay = partial(_replayed, model, image, reference)
        tally.add(raw, compare_detections(reference, converted, replay, score_threshold, number))
    proof = tally.passed(image_source)
    return proof if rounding is None else proof.model_copy(update={"roundings": rounding.report()})


def _postprocessing(model: Any, image: np.ndarray) -> Callable[[Arrays], Arrays]:
    """What makes the model's detections in an image of other raw predictions, by their names."""
    with tf.device("/CPU:0"):
        predictions = model(model.preprocess(tf.constant(image[None])), training=False)

    @tf.function(autograph=False)
    def run(raw: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        with tf.device("/CPU:0"):
            return model.postprocess(predictions | raw)

    def postprocess(raw: Arrays) -> Arrays:
        found = run({name: tf.constant(raw[name]) for name in RAW})
        return {name: value.numpy() for name, value in found.items()}

    return postprocess


def _replayed(model: Any, image: np.ndarray, reference: Arrays) -> Arrays:
    """The model's detections from the TF1 graph's raw predictions."""
    return _postprocessing(model, image)(reference)


def stages(
    model: Any, oracle: FrozenDetector, image: np.ndarray, maps: list[np.ndarray] | None = None
) -> list[Stage]:
    """Both models' intermediate values on one image uint8 [h, w, 3], in the order of computation.

    `maps` are the model's feature maps, where they don't come of its own computation alone.
    """
    assert oracle.raw is not None
    names = [name for name in (oracle.raw.preprocessed, *oracle.raw.feature_maps) if name is not None]
    reference = oracle.fetch(names, image[None])
    with tf.device("/CPU:0"):
        preprocessed = model.preprocess(tf.constant(image[None]))
        if maps is None:
            maps = [features.numpy() for features in _feature_maps(model, preprocessed)]
    found: list[Stage] = []
    if oracle.raw.preprocessed is not None:
        name = oracle.raw.preprocessed
        found.append(preprocessing(name, reference[name], preprocessed.numpy()))
    for name, features in zip(oracle.raw.feature_maps, maps, strict=False):
        found.append(Stage(block_of(name), name, reference[name], features))
    return found


def _feature_maps(model: Any, preprocessed: tf.Tensor) -> list[tf.Tensor]:
    if hasattr(model, "feature_extractor"):
        return list(model.feature_extractor(preprocessed, training=False))
    # TF1's own code, run in TF2, is one piece that gives them too
    return list(model(preprocessed, training=False)["feature_maps"])
