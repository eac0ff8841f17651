"""A detector as a Keras model that `fit` can train: losses, frozen variables, clipping."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import keras
import tensorflow as tf

from components.trainer.averages import MovingAverages
from detection.detector import Detector
from detection.errors import BadInput
from detection.tf1.names import tf1_name

Batch = tuple[tf.Tensor, dict[str, tf.Tensor]]

_LOSSES = ("loss", "localization_loss", "classification_loss")


def select_trained(
    detector: Detector, freeze: Sequence[str], only: Sequence[str] = ()
) -> list[keras.Variable]:
    """Trainable variables less the frozen ones.

    Patterns are regular expressions searched in TF1 names, as TF-slim's filter_variables did for
    train_config.freeze_variables and update_trainable_variables.

    Args:
      detector: the model.
      freeze: patterns of variables that stay as they are.
      only: if any, a variable must match one of these to be trained.

    Raises:
      BadInput: a pattern is no regular expression or matches nothing, or nothing is left to train.
    """
    names = {tf1_name(variable.path, detector.name): variable for variable in detector.trainable_variables}
    frozen = _matching(names, freeze, "train.freeze or train_config.freeze_variables")
    allowed = _matching(names, only, "train_config.update_trainable_variables") if only else set(names)
    trained = [variable for name, variable in names.items() if name in allowed - frozen]
    if not trained:
        raise BadInput(
            "every variable of the model is frozen", "train.freeze", "freeze less: the heads must be trained"
        )
    return trained


def _matching(names: Iterable[str], patterns: Sequence[str], where: str) -> set[str]:
    matching: set[str] = set()
    for pattern in patterns:
        try:
            found = {name for name in names if re.search(pattern, name)}
        except re.error as error:
            raise BadInput(f"'{pattern}' is no regular expression: {error}", where, "correct it") from error
        if not found:
            raise BadInput(
                f"'{pattern}' matches no variable",
                where,
                f"patterns are searched in names such as {next(iter(names))}",
            )
        matching |= found
    return matching


class DetectorTrainer(keras.Model):
    """Wraps a detector for `fit`: one batch is (images [B, H, W, 3] preprocessed, groundtruth dict).

    Args:
      detector: the model to train.
      trained: its variables to update.
      clip_norm: global norm of the gradients is clipped to this; 0 means no clipping.
      regularize: whether the detector's regularization loss is part of the total.
      averages: of the trained variables, moved after each update.
    """

    def __init__(
        self,
        detector: Detector,
        trained: list[keras.Variable],
        *,
        clip_norm: float = 0.0,
        regularize: bool = True,
        averages: MovingAverages | None = None,
    ) -> None:
        super().__init__(name="detector_trainer")
        self.detector = detector
        self.trained = trained
        self.clip_norm = clip_norm
        self.regularize = regularize
        self.averages = averages
        self.eval_losses = [keras.metrics.Mean(name) for name in _LOSSES]

    def train_only(self, variables: Sequence[keras.Variable]) -> None:
        """From the next `fit` on these are trained, some of those that the optimizer was built for."""
        if list(map(id, variables)) != list(map(id, self.trained)):
            self.trained = list(variables)
            self.train_function = None

    def call(self, images: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        """Raw predictions of the detector for images [B, H, W, 3]."""
        return self.detector(images, training=training)

    def train_step(self, data: Batch) -> dict[str, tf.Tensor]:
        """One update; returns the scalar losses, the rate used, and the gradients' norm.

        Where the loss or the norm is not finite nothing is updated, the step's number included; but batch
        norm's statistics, if they train, have seen the batch.
        """
        losses, gradients = self.compute_gradients(*data)
        norm = tf.linalg.global_norm(gradients)
        if self.clip_norm > 0:
            gradients, _ = tf.clip_by_global_norm(gradients, self.clip_norm, use_norm=norm)
        rate = tf.convert_to_tensor(self.optimizer.learning_rate)

        def update() -> tf.Tensor:
            self.optimizer.apply(gradients, self.trained)
            if self.averages:
                self.averages.update()
            return tf.constant(True)

        finite = tf.math.is_finite(losses["loss"]) & tf.math.is_finite(norm)
        tf.cond(finite, update, lambda: tf.constant(False))
        return {**losses, "learning_rate": rate, "gradient_norm": norm}

    def compute_gradients(
        self, images: tf.Tensor, groundtruth: dict[str, tf.Tensor]
    ) -> tuple[dict[str, tf.Tensor], list[tf.Tensor | None]]:
        """The scalar losses of a batch, `loss` their sum, and its gradient by each trained variable."""
        # Watching only what is trained ends the backward pass at the first trained layer.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in self.trained])
            losses = self._detection_losses(images, groundtruth, training=True)
        return losses, tape.gradient(losses["loss"], [variable.value for variable in self.trained])

    def test_step(self, data: Batch) -> dict[str, tf.Tensor]:
        """The mean losses of the batches so far, weighted by their size; the model is not updated."""
        images, groundtruth = data
        losses = self._detection_losses(images, groundtruth, training=False)
        for mean in self.eval_losses:
            mean.update_state(losses[mean.name], sample_weight=tf.shape(images)[0])
        return {mean.name: mean.result() for mean in self.eval_losses}

    def _detection_losses(
        self, images: tf.Tensor, groundtruth: dict[str, tf.Tensor], training: bool
    ) -> dict[str, tf.Tensor]:
        losses = dict(self.detector.compute_losses(images, groundtruth, training=training))
        if self.regularize:
            losses["regularization_loss"] = self.detector.regularization_loss()
        return {"loss": tf.add_n(list(losses.values())), **losses}
