"""A detector as a SavedModel with the signatures of the OD API's exporters."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from detection.context import RECORD_FEATURES, SIDE_INPUTS, context_of, context_specs, empty_context
from detection.detector import Detector, Tensors
from detection.preprocess import decode_image

ENCODED_IMAGES = "encoded_image_string_tensor"
EXAMPLES = "tf_example"
WITH_CONTEXT = "with_context"

_ENCODED = "image/encoded"


def export_saved_model(model: Detector, directory: Path) -> None:
    """Write `model` to `directory`, which must not hold another SavedModel.

    Three signatures return what `model.detect` returns; the argument of each is `input_tensor`, as
    exporter_lib_v2 names it, and the names of the last two are its input types:

    - `serving_default`: uint8 `[batch, height, width, 3]`, any batch and image size.
    - `encoded_image_string_tensor`: string `[batch]`, files of images whose sizes may differ.
    - `tf_example`: string `[batch]`, serialised tf.train.Examples with image/encoded.

    A Context R-CNN has a fourth, `with_context`, which takes context_features float32 `[batch, N, L]` and
    valid_context_size int32 `[batch]` beside what serving_default takes; `tf_example` reads the Examples'
    own context features. To the others, and in Examples without, an image has none.

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
    if model.context_shape is not None:
        signatures[WITH_CONTEXT] = served.serve_with_context.get_concrete_function(
            served.serve.input_signature[0], **context_specs(model.context_shape, None)
        )
    tf.saved_model.save(served, str(directory), signatures=signatures)


class _ServedDetector(tf.Module):
    """Holds the model, so that its variables are saved, and the functions that serve it."""

    def __init__(self, model: Detector) -> None:
        super().__init__()
        self.model = model
        images = tf.TensorSpec([None, None, None, 3], tf.uint8)
        preprocessed = tf.function(model.preprocess, autograph=False).get_concrete_function(images)
        shape = model.context_shape
        memory = [] if shape is None else context_specs(shape, None).values()
        # Of its own, so that the network is traced and saved once for all signatures.
        self.run = tf.function(
            self._run,
            autograph=False,
            input_signature=[tf.TensorSpec(preprocessed.structured_outputs.shape, tf.float32), *memory],
        )

    def _run(self, preprocessed: tf.Tensor, *memory: tf.Tensor) -> Tensors:
        if not memory:
            return self.model.postprocess(self.model(preprocessed, training=False))
        context = dict(zip(SIDE_INPUTS, memory, strict=True))
        return self.model.postprocess(self.model(preprocessed, training=False, context=context))

    @tf.function(
        autograph=False, input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, name="input_tensor")]
    )
    def serve(self, input_tensor: tf.Tensor) -> Tensors:
        memory = self._no_memory(tf.shape(input_tensor)[0])
        return self.run(self._preprocess(input_tensor), *memory)

    @tf.function(autograph=False)
    def serve_with_context(
        self, input_tensor: tf.Tensor, context_features: tf.Tensor, valid_context_size: tf.Tensor
    ) -> Tensors:
        return self.run(self._preprocess(input_tensor), context_features, valid_context_size)

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name="input_tensor")])
    def serve_encoded(self, input_tensor: tf.Tensor) -> Tensors:
        return self._detect_encoded(input_tensor, *self._no_memory(tf.shape(input_tensor)[0]))

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name="input_tensor")])
    def serve_examples(self, input_tensor: tf.Tensor) -> Tensors:
        wanted = {_ENCODED: tf.io.FixedLenFeature([], tf.string)}
        shape = self.model.context_shape
        if shape is None:
            return self._detect_encoded(tf.io.parse_example(input_tensor, wanted)[_ENCODED])
        features = tf.io.parse_example(input_tensor, wanted | RECORD_FEATURES)
        memory = tf.map_fn(
            lambda one: context_of(one, shape),
            {name: features[name] for name in RECORD_FEATURES},
            fn_output_signature=context_specs(shape),
        )
        return self._detect_encoded(features[_ENCODED], *(memory[name] for name in SIDE_INPUTS))

    def _preprocess(self, images: tf.Tensor) -> tf.Tensor:
        # TensorFlow resizes bytes on the CPU alone
        return self.model.preprocess(tf.cast(images, tf.float32))

    def _no_memory(self, batch_size: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """What a Context R-CNN's `run` takes for images that nothing is remembered of."""
        shape = self.model.context_shape
        return () if shape is None else tuple(empty_context(shape, batch_size).values())

    def _detect_encoded(self, encoded: tf.Tensor, *memory: tf.Tensor) -> Tensors:
        def preprocess(one: tf.Tensor) -> tf.Tensor:
            return self._preprocess(decode_image(one)[tf.newaxis])

        if self.model.has_one_input_size:
            shape = self.run.input_signature[0].shape[1:]
            specification = tf.TensorSpec(shape, tf.float32)
            images = tf.map_fn(lambda one: preprocess(one)[0], encoded, fn_output_signature=specification)
            return self.run(images, *memory)
        outputs = self.run.get_concrete_function().structured_outputs
        kept = {
            name: tf.TensorSpec(output.shape[1:], output.dtype)
            for name, output in outputs.items()
            if output.shape[1:].is_fully_defined()
        }

        def detect(one: tuple[tf.Tensor, ...]) -> Tensors:
            found = self.run(preprocess(one[0]), *(part[tf.newaxis] for part in one[1:]))
            return {name: found[name][0] for name in kept}

        return tf.map_fn(detect, (encoded, *memory), fn_output_signature=kept)
