"""A detector as a SavedModel with the signatures of the OD API's exporters."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from detection.detector import Detector, Tensors
from detection.preprocess import decode_image

ENCODED_IMAGES = "encoded_image_string_tensor"
EXAMPLES = "tf_example"

_ENCODED = "image/encoded"


def export_saved_model(model: Detector, directory: Path) -> None:
    """Write `model` to `directory`, which must not hold another SavedModel.

    Three signatures return what `model.detect` returns; the argument of each is `input_tensor`, as
    exporter_lib_v2 names it, and the names of the last two are its input types:

    - `serving_default`: uint8 `[batch, height, width, 3]`, any batch and image size.
    - `encoded_image_string_tensor`: string `[batch]`, files of images whose sizes may differ.
    - `tf_example`: string `[batch]`, serialised tf.train.Examples with image/encoded.

    Its variables/variables is a checkpoint that `read_weights` reads.

    Images that the model's resizer gives different sizes run through it one by one. Outputs whose number of
    rows follows from that size (the raw predictions of some models) are then left out of the last two.
    """
    served = _ServedDetector(model)
    signatures = {
        "serving_default": served.serve,
        ENCODED_IMAGES: served.serve_encoded,
        EXAMPLES: served.serve_examples,
    }
    tf.saved_model.save(served, str(directory), signatures=signatures)


class _ServedDetector(tf.Module):
    """Holds the model, so that its variables are saved, and the functions that serve it."""

    def __init__(self, model: Detector) -> None:
        super().__init__()
        self.model = model
        images = tf.TensorSpec([None, None, None, 3], tf.uint8)
        preprocessed = tf.function(model.preprocess, autograph=False).get_concrete_function(images)
        # Of its own, so that the network is traced and saved once for all signatures.
        self.run = tf.function(
            self._run,
            autograph=False,
            input_signature=[tf.TensorSpec(preprocessed.structured_outputs.shape, tf.float32)],
        )

    def _run(self, preprocessed: tf.Tensor) -> Tensors:
        return self.model.postprocess(self.model(preprocessed, training=False))

    @tf.function(
        autograph=False, input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, name="input_tensor")]
    )
    def serve(self, input_tensor: tf.Tensor) -> Tensors:
        return self.run(self.model.preprocess(input_tensor))

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name="input_tensor")])
    def serve_encoded(self, input_tensor: tf.Tensor) -> Tensors:
        return self._detect_encoded(input_tensor)

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name="input_tensor")])
    def serve_examples(self, input_tensor: tf.Tensor) -> Tensors:
        features = tf.io.parse_example(input_tensor, {_ENCODED: tf.io.FixedLenFeature([], tf.string)})
        return self._detect_encoded(features[_ENCODED])

    def _detect_encoded(self, encoded: tf.Tensor) -> Tensors:
        def preprocess(one: tf.Tensor) -> tf.Tensor:
            return self.model.preprocess(decode_image(one)[tf.newaxis])

        if self.model.has_one_input_size:
            shape = self.run.input_signature[0].shape[1:]
            specification = tf.TensorSpec(shape, tf.float32)
            images = tf.map_fn(lambda one: preprocess(one)[0], encoded, fn_output_signature=specification)
            return self.run(images)
        outputs = self.run.get_concrete_function().structured_outputs
        kept = {
            name: tf.TensorSpec(output.shape[1:], output.dtype)
            for name, output in outputs.items()
            if output.shape[1:].is_fully_defined()
        }

        def detect(one: tf.Tensor) -> Tensors:
            found = self.run(preprocess(one))
            return {name: found[name][0] for name in kept}

        return tf.map_fn(detect, encoded, fn_output_signature=kept)
