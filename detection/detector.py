"""What every detector has in common, whatever its number of stages."""

from __future__ import annotations

import keras
import tensorflow as tf

from detection.context import ContextShape
from detection.layers import BatchNorm

Groundtruth = dict[str, tf.Tensor]
Tensors = dict[str, tf.Tensor]


class Detector(keras.Model):
    """A detector with TF1 semantics; `variable.path` mirrors the TF1 scope of each variable.

    Subclasses give `call` (raw predictions), `preprocess`, `postprocess` and `compute_losses`, and end
    their `build` with `name_children`, after which all variables exist. Where one run of the network is
    enough for both, they give `losses_and_detections` too.

    Attributes:
        num_classes: without background.
        freeze_batch_norm: use all moving statistics in training too, and leave them alone. False leaves it to
          the config, as built.
        has_one_input_size: whether `preprocess` gives images of any size one size, so that they make a batch.
        has_masks: whether detections have masks.
        context_shape: of what a Context R-CNN remembers of the camera's other images; None for any other.
        indivisible: why the losses of a batch's parts, each given the batch's `loss_divisor`, don't add up to
          the batch's; None where they do.
        no_native_model: why the OD API's own code computes it; None for a native model.
    """

    has_one_input_size = True
    has_masks = False
    context_shape: ContextShape | None = None
    indivisible: str | None = None
    no_native_model: str | None = None

    def __init__(self, *, num_classes: int, name: str) -> None:
        super().__init__(name=name)
        # whether XLA can compile a training step: not one with shapes that depend on the data
        self.supports_jit = False
        self.num_classes = num_classes
        self.freeze_batch_norm = False

    def unread_variables(self) -> dict[str, tf.Variable]:
        """What TF1 creates too and no prediction depends on, by TF1 name; native models leave it out."""
        return {}

    def batch_norm_trains(self) -> bool:
        """Whether the statistics of some batch norm may move in training."""
        layers = [layer for layer in self._flatten_layers() if isinstance(layer, BatchNorm)]
        return not self.freeze_batch_norm and any(layer.trains for layer in layers)

    def detect(self, images: tf.Tensor) -> Tensors:
        """Detections in uint8 images `[B, h, w, 3]`; boxes are relative to each image's own size."""
        # TensorFlow resizes bytes on the CPU alone, where the input pipeline runs
        images = tf.cast(images, tf.float32)
        return self.postprocess(self(self.preprocess(images), training=False))

    def losses_and_detections(
        self, preprocessed: tf.Tensor, groundtruth: Groundtruth
    ) -> tuple[Tensors, Tensors]:
        """What `compute_losses` without training and `postprocess` give for preprocessed images."""
        losses = self.compute_losses(preprocessed, groundtruth)
        return losses, self.postprocess(self(preprocessed, training=False))

    def loss_divisor(self, groundtruth: Groundtruth) -> tf.Tensor:
        """What the losses of images with this groundtruth are divided by, float32 scalar: their number.

        The divisors of a batch's parts add up to the batch's.
        """
        return tf.cast(tf.shape(groundtruth["classes"])[0], tf.float32)

    def regularization_loss(self) -> tf.Tensor:
        """Sum of the kernels' regularisation losses as slim collects them, a float32 scalar.

        Frozen kernels count too, as a constant: the loss stays comparable with TF1's.
        """
        return tf.add_n([layer.penalty() for layer in self._flatten_layers() if hasattr(layer, "penalty")])


def name_children(layer: keras.layers.Layer) -> None:
    """Make every sub-layer an attribute under its own name, all the way down.

    tf.train.Checkpoint follows attributes only: a Keras layer that sits in a list would be left out of the
    checkpoint without a word.
    """
    for child in layer._flatten_layers(recursive=False, include_self=False):
        if getattr(layer, child.name, None) is not child:
            setattr(layer, child.name, child)
        name_children(child)
