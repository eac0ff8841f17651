"""A detector as a Keras model that `fit` can train: losses, frozen variables, clipping, divided batches."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

from components.trainer.accumulation import sum_over_parts
from components.trainer.averages import MovingAverages
from components.trainer.distillation import Distillation
from components.trainer.graphs import as_traced
from components.trainer.loss_scale import LossScale
from components.trainer.replicas import apply_sums, summed, update_if
from detection.detector import Detector
from detection.errors import BadInput
from detection.tf1.names import tf1_name

Batch = tuple[tf.Tensor, dict[str, tf.Tensor]]


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


class Part(NamedTuple):
    """What the losses of a part of a batch must know of the batch.

    Attributes:
      divisor: its `loss_divisor`, float32 scalar.
      parts: how many equal ones it has.
    """

    divisor: tf.Tensor
    parts: int


class DetectorTrainer(keras.Model):
    """Wraps a detector for `fit`: one batch is (images [B, H, W, 3] preprocessed, groundtruth dict).

    A batch that is divided, over replicas or into parts, gives the losses and gradients of the whole.

    Args:
      detector: the model to train.
      trained: its variables to update.
      clip_norm: global norm of the gradients is clipped to this; 0 means no clipping.
      regularize: whether the detector's regularization loss is part of the total.
      averages: of the trained variables, moved after each update.
      distillation: from the TF1 model, whose loss is one more in training.
      parts: into which each replica divides its images, to compute them one after the other.
      loss_scale: for gradients that are computed in float16.
      bias_multiplier: of the biases' gradients, before they are clipped.
    """

    def __init__(
        self,
        detector: Detector,
        trained: list[keras.Variable],
        *,
        clip_norm: float = 0.0,
        regularize: bool = True,
        averages: MovingAverages | None = None,
        distillation: Distillation | None = None,
        parts: int = 1,
        loss_scale: LossScale | None = None,
        bias_multiplier: float = 1.0,
    ) -> None:
        super().__init__(name="detector_trainer")
        self.detector = detector
        self.trained = trained
        self.clip_norm = clip_norm
        self.regularize = regularize
        self.averages = averages
        self.distillation = distillation
        self.parts = parts
        self.loss_scale = loss_scale
        self.bias_multiplier = bias_multiplier

    def train_only(self, variables: Sequence[keras.Variable]) -> None:
        """From the next `fit` on these are trained, some of those that the optimizer was built for."""
        if list(map(id, variables)) != list(map(id, self.trained)):
            self.trained = list(variables)
            self.train_function = None

    def make_train_function(self, force: bool = False) -> None:
        """Keras's function for `fit`; on one processor, that of an SSD runs as it was traced.

        The Object Detection API's own graphs, and two-stage detectors, compute more that can be folded.
        """
        made = self.train_function
        super().make_train_function(force)
        alone = self.distribute_strategy.num_replicas_in_sync == 1
        on_gpu = bool(tf.config.list_logical_devices("GPU"))
        if self.train_function is not made and self.detector.supports_jit and alone and not on_gpu:
            self.train_function = as_traced(self.train_function)

    def call(self, images: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        """Raw predictions of the detector for images [B, H, W, 3]."""
        return self.detector(images, training=training)

    # Nothing here or in the detector needs autograph, whose conversion would be a third of the tracing.
    @tf.autograph.experimental.do_not_convert
    def train_step(self, data: Batch) -> dict[str, tf.Tensor]:
        """One update; returns the scalar losses, the rate used, and the gradients' norm.

        Where the loss or the norm is not finite nothing is updated, the step's number included; but batch
        norm's statistics, if they train, have seen the batch. A loss scale that was too large counts as a
        step with a gradient of 0.
        """
        losses, gradients = self._batch_gradients(*data)
        norm = tf.linalg.global_norm(gradients)
        if self.clip_norm > 0:
            gradients, _ = tf.clip_by_global_norm(gradients, self.clip_norm, use_norm=norm)
        rate = tf.convert_to_tensor(self.optimizer.learning_rate)
        finite = tf.math.is_finite(losses["loss"]) & tf.math.is_finite(norm)
        update_if(
            finite, gradients, lambda own: apply_sums(self.optimizer, own, self.trained), self._after_update
        )
        if self.loss_scale:
            overflow = self.loss_scale.is_too_large(losses["loss"], norm)
            update_if(overflow, [], lambda _: None, self._after_overflow)
            norm = tf.where(overflow, 0.0, norm)
        return {**losses, "learning_rate": rate, "gradient_norm": norm}

    def _after_update(self) -> None:
        if self.averages:
            self.averages.update()
        if self.loss_scale:
            self.loss_scale.grow()

    def _after_overflow(self) -> None:
        assert self.loss_scale is not None
        self.loss_scale.shrink()
        self.optimizer.iterations.assign_add(1)

    def _batch_gradients(
        self, images: tf.Tensor, groundtruth: dict[str, tf.Tensor]
    ) -> tuple[dict[str, tf.Tensor], list[tf.Tensor | None]]:
        """As compute_gradients, of the batch that all replicas have together."""
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        if replicas * self.parts == 1:
            return self.compute_gradients(images, groundtruth)
        divisor = summed(sum_over_parts(self.detector.loss_divisor, groundtruth, self.parts))
        part = Part(divisor, replicas * self.parts)
        losses, gradients = sum_over_parts(
            lambda batch: self.compute_gradients(*batch, part), (images, groundtruth), self.parts
        )
        return summed(losses), summed(gradients)

    def compute_gradients(
        self, images: tf.Tensor, groundtruth: dict[str, tf.Tensor], part: Part | None = None
    ) -> tuple[dict[str, tf.Tensor], list[tf.Tensor | None]]:
        """The scalar losses of a batch, `loss` their sum, and its gradient by each trained variable.

        With `part`, what these images add to a batch's.
        """
        scale = self.loss_scale.scale.value if self.loss_scale else 1.0
        variables = [variable.value for variable in self.trained]
        # Watching only what is trained ends the backward pass at the first trained layer.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            losses = self._training_losses(images, groundtruth, part)
            scaled = losses["loss"] * scale
        gradients = tape.gradient(scaled, variables)
        return losses, [
            None if gradient is None else self._rescaled(gradient, variable)
            for gradient, variable in zip(gradients, self.trained, strict=True)
        ]

    def _rescaled(self, gradient: tf.Tensor, variable: keras.Variable) -> tf.Tensor:
        # Hundreds of products with 1 would be a part of the step.
        if self.bias_multiplier != 1.0:
            # The pattern of the OD API's trainer, which batch norm's offsets do not match.
            is_bias = re.match(".*/biases", tf1_name(variable.path, self.detector.name))
            gradient = gradient * self.bias_multiplier if is_bias else gradient
        return gradient / self.loss_scale.scale.value if self.loss_scale else gradient

    def validate(self, data: Batch) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        """The scalar losses of a batch at inference, `loss` their sum, and its detections."""
        losses, detections = self.detector.losses_and_detections(*data)
        return self._summed(losses), detections

    def _training_losses(
        self, images: tf.Tensor, groundtruth: dict[str, tf.Tensor], part: Part | None
    ) -> dict[str, tf.Tensor]:
        draw = self.optimizer.iterations.value
        # not passed where there is none: a detector whose losses do not add up does not take it
        whole = {} if part is None else {"divisor": part.divisor}
        if self.distillation:
            count = tf.shape(images)[0] * (1 if part is None else part.parts)
            losses = self.distillation.compute_losses(images, groundtruth, draw=draw, images=count, **whole)
        else:
            losses = self.detector.compute_losses(images, groundtruth, training=True, draw=draw, **whole)
        return self._summed(losses, 1.0 if part is None else 1.0 / part.parts)

    def _summed(self, losses: dict[str, tf.Tensor], share: float = 1.0) -> dict[str, tf.Tensor]:
        losses = dict(losses)
        if self.regularize:
            losses["regularization_loss"] = share * self.detector.regularization_loss()
        return {"loss": tf.add_n(list(losses.values())), **losses}
