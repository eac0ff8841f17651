"""The requests that TensorFlow Serving replays: what it reads, and that the served model answers them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from components.pusher.warmup import warmup_requests


def test_the_request_is_one_that_the_model_answers(
    tmp_path: Path, make_detector: Callable[[str], Path]
) -> None:
    from tensorflow_serving.apis import prediction_log_pb2

    image = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    content = warmup_requests(image, "signs")
    assert warmup_requests(image, "signs") == content
    (tmp_path / "requests").write_bytes(content)
    (record,) = tf.data.TFRecordDataset(str(tmp_path / "requests"))
    request = prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
    assert (request.model_spec.name, request.model_spec.signature_name) == ("signs", "serving_default")
    inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
    np.testing.assert_array_equal(inputs["input_tensor"], image[np.newaxis])
    serve = tf.saved_model.load(str(make_detector("a") / "saved_model")).signatures["serving_default"]
    found = serve(**{name: tf.constant(value) for name, value in inputs.items()})
    np.testing.assert_allclose(found["detection_scores"], [[0.9]])
