"""A SavedModel that finds one box in any picture, and what an evaluation of it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from components.evaluator.smoke_test import SmokeTest

BOX = (0.1, 0.2, 0.6, 0.7)


def save_small_detector(directory: Path, score: float) -> None:
    """Writes the SavedModel whose box has this score."""
    import tensorflow as tf

    class Detector(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.score = tf.Variable(score)

        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, name="input_tensor")])
        def serve(self, input_tensor: Any) -> dict[str, Any]:
            batch = tf.shape(input_tensor)[0]
            return {
                "detection_boxes": tf.tile([[BOX]], [batch, 1, 1]),
                "detection_scores": tf.fill([batch, 1], self.score),
                "detection_classes": tf.ones([batch, 1]),
                "num_detections": tf.ones([batch]),
            }

    detector = Detector()
    tf.saved_model.save(detector, str(directory), signatures={"serving_default": detector.serve})


def small_smoke_test(score: float) -> SmokeTest:
    """What the detector finds in a grey picture."""
    return SmokeTest(
        image=np.full([20, 30, 3], 7, np.uint8),
        boxes=np.array([BOX], np.float32),
        scores=np.array([score], np.float32),
        classes=np.array([1]),
    )
