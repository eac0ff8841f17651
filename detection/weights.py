"""The detector's weights as tf.train.Checkpoint(model=detector), read and written without a gap."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from detection.detector import Detector
from detection.errors import BadInput, Failed


def read_weights(detector: Detector, prefix: Path) -> None:
    """Loads every variable of `detector` from the checkpoint `prefix`.

    Raises:
      BadInput: there is no such checkpoint.
      Failed: a variable of the detector is not in it, or has another shape there.
    """
    if not prefix.with_suffix(".index").exists():
        raise BadInput(
            "there is no converted checkpoint to start from", str(prefix), "convert the model first"
        )
    try:
        _complete_checkpoint(detector).read(str(prefix)).assert_existing_objects_matched()
    except (AssertionError, ValueError) as error:
        # Its message prints the values of all variables; the count is what helps.
        raise Failed(
            "the checkpoint does not hold all variables of the model in their shapes",
            str(prefix),
            "convert again with the pipeline.config that the training uses",
        ) from error


def write_weights(detector: Detector, prefix: Path) -> None:
    """Writes every variable of `detector` to the checkpoint `prefix`."""
    _complete_checkpoint(detector).write(str(prefix))


def _complete_checkpoint(detector: Detector) -> tf.train.Checkpoint:
    """A checkpoint that is sure to reach every variable: Keras layers in plain lists escape TensorFlow."""
    checkpoint = tf.train.Checkpoint(model=detector)
    reached = {id(found) for found in tf.train.TrackableView(checkpoint).descendants()}
    missing = [variable.path for variable in detector.weights if id(variable) not in reached]
    if missing:
        raise Failed(
            f"tf.train.Checkpoint would miss {len(missing)} of {len(detector.weights)} variables,"
            f" the first is {missing[0]}",
            type(detector).__name__,
            "make the layers that hold them attributes that TensorFlow tracks",
        )
    return checkpoint
