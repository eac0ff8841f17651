"""A detector as a SavedModel with the OD API exporter's signature."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from detection.detector import Detector


class _ServedDetector(tf.Module):
    """Holds the model, so that its variables are saved, and the function that serves it."""

    def __init__(self, model: Detector) -> None:
        super().__init__()
        self.model = model

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, name="input_tensor")])
    def serve(self, input_tensor: tf.Tensor) -> dict[str, tf.Tensor]:
        return self.model.detect(input_tensor)


def export_saved_model(model: Detector, directory: Path) -> None:
    """Write `model` to `directory` as a SavedModel.

    Its signature `serving_default` takes `input_tensor`, uint8 `[batch, height, width, 3]` of any batch and
    image size, and returns what `SSD.detect` returns. The directory must not hold another SavedModel.
    """
    served = _ServedDetector(model)
    tf.saved_model.save(served, str(directory), signatures={"serving_default": served.serve})
