"""A Context R-CNN of the OD API's code: its memory, its SavedModel, its training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from detection.builder import build_detector
from detection.config.pipeline_config import parse_pipeline_config
from detection.context import FEATURES, VALID
from detection.errors import BadInput
from detection.export import export_saved_model
from detection.shim.context_rcnn import ShimContextDetector
from tests.parity.od_api_configs import faster_rcnn
from tests.parity.od_api_shim_configs import CONTEXT

pytestmark = pytest.mark.slow

VALID_ROWS = (20, 7)


@pytest.fixture(scope="module")
def detector() -> ShimContextDetector:
    keras.utils.set_random_seed(3)
    config = faster_rcnn("faster_rcnn_inception_v2", rpn=CONTEXT)
    found = build_detector(parse_pipeline_config(config, "test.config").model)
    assert isinstance(found, ShimContextDetector)
    assert found.no_native_model == "Context R-CNN has no native model"
    return found


@pytest.fixture(scope="module")
def signatures(detector: ShimContextDetector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("context_rcnn") / "saved_model"
    export_saved_model(detector, folder)
    loaded = tf.saved_model.load(str(folder))
    yield loaded.signatures  # holds the variables


@pytest.fixture(scope="module")
def memory(detector: ShimContextDetector) -> dict[str, tf.Tensor]:
    features = np.random.default_rng(1).normal(size=[2, *detector.context_shape])
    return {FEATURES: tf.constant(features, tf.float32), VALID: tf.constant(VALID_ROWS)}


@pytest.fixture(scope="module")
def remembering(signatures: Any, images: tf.Tensor, memory: dict[str, tf.Tensor]) -> np.ndarray:
    """The boxes of the images, `[2, P, 4]`, seen with their memory."""
    return _boxes(signatures["with_context"](input_tensor=images, **memory))


@pytest.fixture(scope="module")
def forgetful(signatures: Any, images: tf.Tensor) -> np.ndarray:
    """And without."""
    return _boxes(signatures["serving_default"](input_tensor=images))


def _boxes(found: dict[str, tf.Tensor]) -> np.ndarray:
    return found["raw_detection_boxes"].numpy()


def test_the_memory_counts_up_to_its_valid_size(
    signatures: Any,
    images: tf.Tensor,
    memory: dict[str, tf.Tensor],
    remembering: np.ndarray,
    forgetful: np.ndarray,
) -> None:
    assert (np.abs(remembering - forgetful).reshape(2, -1).max(axis=1) > 1e-3).all()
    seen = signatures["with_context"]
    emptied = seen(input_tensor=images, **memory | {VALID: tf.constant([0, 0])})
    np.testing.assert_allclose(_boxes(emptied), forgetful, atol=1e-6)
    beyond = memory | {
        FEATURES: tf.tensor_scatter_nd_update(memory[FEATURES], [[1, VALID_ROWS[1]]], tf.fill([1, 16], 9.0))
    }
    np.testing.assert_allclose(_boxes(seen(input_tensor=images, **beyond)), remembering, atol=1e-6)
    within = memory | {FEATURES: memory[FEATURES] * [[[1.0]], [[-1.0]]]}
    changed = np.abs(_boxes(seen(input_tensor=images, **within)) - remembering).reshape(2, -1).max(axis=1)
    assert changed[0] < 1e-6 < 1e-4 < changed[1]


def test_a_batch_of_known_size_is_seen_the_same(
    detector: ShimContextDetector, images: tf.Tensor, memory: dict[str, tf.Tensor], remembering: np.ndarray
) -> None:
    found = tf.function(lambda: detector.detect(images, memory), autograph=False)()
    np.testing.assert_allclose(_boxes(found), remembering, atol=1e-5)


def _example(image: tf.Tensor, rows: np.ndarray | None) -> bytes:
    example = tf.train.Example()
    feature = example.features.feature
    feature["image/encoded"].bytes_list.value.append(tf.io.encode_png(image).numpy())
    if rows is not None:
        feature["image/context_features"].float_list.value.extend(rows.ravel().tolist())
        feature["image/context_feature_length"].int64_list.value.append(rows.shape[1])
    return example.SerializeToString()


def test_examples_bring_their_memory_along(
    signatures: Any,
    images: tf.Tensor,
    memory: dict[str, tf.Tensor],
    remembering: np.ndarray,
    forgetful: np.ndarray,
) -> None:
    rows = [part[:valid].numpy() for part, valid in zip(memory[FEATURES], VALID_ROWS, strict=True)]
    for given, wanted in ((rows, remembering), ([None, None], forgetful)):
        examples = [_example(*pair) for pair in zip(images, given, strict=True)]
        found = signatures["tf_example"](input_tensor=tf.constant(examples))
        np.testing.assert_allclose(_boxes(found), wanted, atol=1e-5)
    encoded = tf.constant([tf.io.encode_png(image).numpy() for image in images])
    found = signatures["encoded_image_string_tensor"](input_tensor=encoded)
    np.testing.assert_allclose(_boxes(found), forgetful, atol=1e-5)


def test_it_learns_from_a_memory_only(
    detector: ShimContextDetector,
    images: tf.Tensor,
    memory: dict[str, tf.Tensor],
    groundtruth: dict[str, tf.Tensor],
) -> None:
    preprocessed = detector.preprocess(images)
    with pytest.raises(BadInput, match="the examples have none"):
        detector.compute_losses(preprocessed, groundtruth, training=True)

    def gradients() -> list[tf.Tensor | None]:
        with tf.GradientTape() as tape:
            losses = detector.compute_losses(preprocessed, groundtruth | memory, training=True)
            total = tf.add_n(list(losses.values()))
        return tape.gradient(total, [variable.value for variable in detector.trainable_variables])

    statistics = [w for w in detector.weights if "fully_connected" in w.path and "/moving_" in w.path]
    assert len(statistics) == 8
    start = [weight.numpy() for weight in statistics]
    detector.freeze_batch_norm = True
    found = tf.function(gradients, autograph=False)()
    missing = [v.path for v, g in zip(detector.trainable_variables, found, strict=True) if g is None]
    assert not missing
    assert all(np.array_equal(*pair) for pair in zip(statistics, start, strict=True))
    detector.freeze_batch_norm = False
    tf.function(gradients, autograph=False)()
    assert not any(np.array_equal(*pair) for pair in zip(statistics, start, strict=True))
