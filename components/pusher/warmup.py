"""Requests that TensorFlow Serving replays when it loads a version, so that the first real one is fast."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


def warmup_requests(image: NDArray[np.uint8], detector: str) -> bytes:
    """The bytes of content.WARMUP_FILE: one predict request with `image` uint8 [h, w, 3] as a batch of one.

    Equal images give equal bytes.
    """
    from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

    request = predict_pb2.PredictRequest(
        model_spec=model_pb2.ModelSpec(name=detector, signature_name="serving_default"),
        inputs={"input_tensor": tf.make_tensor_proto(image[np.newaxis])},
    )
    log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "requests"
        with tf.io.TFRecordWriter(str(path)) as writer:
            writer.write(log.SerializeToString(deterministic=True))
        return path.read_bytes()
