from pathlib import Path

import numpy as np
import tensorflow as tf

from detection.export import export_saved_model
from detection.ssd import SSD


def test_saved_model_detects_as_the_model_does(small_detector: SSD, tmp_path: Path) -> None:
    export_saved_model(small_detector, tmp_path / "saved_model")
    signature = tf.saved_model.load(str(tmp_path / "saved_model")).signatures["serving_default"]
    spec = signature.structured_input_signature[1]["input_tensor"]
    assert spec.dtype == tf.uint8 and spec.shape.as_list() == [None, None, None, 3]
    for batch, height, width in ((1, 50, 70), (3, 120, 40)):
        images = tf.cast(
            tf.random.stateless_uniform([batch, height, width, 3], [1, 2], 0, 256, tf.int32), tf.uint8
        )
        found, wanted = signature(input_tensor=images), small_detector.detect(images)
        assert set(found) == set(wanted)
        for key, value in found.items():
            assert value.dtype == tf.float32
            np.testing.assert_allclose(value, wanted[key], atol=2e-5)
