"""Elementary detection losses, by anchor, with the OD API's definitions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import tensorflow as tf

from detection.errors import NoNativeModel

# (predictions [B, A, K], targets [B, A, K], weights [B, A]) -> [B, A] float32
AnchorLoss = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def smooth_l1(
    predictions: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor, *, delta: float = 1.0
) -> tf.Tensor:
    """Huber loss summed over the code: `0.5 x^2` to `delta`, `delta (|x| - 0.5 delta)` beyond; `[B, A]`."""
    error = tf.abs(predictions - targets)
    quadratic = tf.minimum(error, delta)
    losses = 0.5 * quadratic * quadratic + delta * (error - quadratic)
    return tf.reduce_sum(losses, axis=-1) * weights


def l2(predictions: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """`0.5 (weight x)^2` summed over the box code, `[B, A]`."""
    return 0.5 * tf.reduce_sum(tf.square((predictions - targets) * weights[..., tf.newaxis]), axis=-1)


def l1(predictions: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """`weight |x|` summed over the box code, `[B, A]`."""
    return tf.reduce_sum(tf.abs(predictions - targets), axis=-1) * weights


def sigmoid_cross_entropy(logits: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Sigmoid cross entropy summed over the classes, background column included, `[B, A]`."""
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits)
    return tf.reduce_sum(losses, axis=-1) * weights


def bootstrapped_sigmoid(
    logits: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor, *, alpha: float, hard: bool
) -> tf.Tensor:
    """Sigmoid cross entropy against `alpha` targets and the rest the model's own belief, `[B, A]`.

    The belief (Reed et al., 2014) is its probabilities, or with `hard` what they round to.
    """
    probabilities = tf.sigmoid(logits)
    belief = tf.cast(probabilities > 0.5, tf.float32) if hard else probabilities
    return sigmoid_cross_entropy(logits, alpha * targets + (1.0 - alpha) * belief, weights)


def softmax_cross_entropy(
    logits: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor, *, logit_scale: float = 1.0
) -> tf.Tensor:
    """Softmax cross entropy of `logits / logit_scale`, `[B, A]`."""
    return tf.nn.softmax_cross_entropy_with_logits(labels=targets, logits=logits / logit_scale) * weights


def sigmoid_focal(
    logits: tf.Tensor,
    targets: tf.Tensor,
    weights: tf.Tensor,
    *,
    gamma: float = 2.0,
    alpha: float | None = 0.25,
) -> tf.Tensor:
    """Focal loss (Lin et al., 2017) summed over the classes, `[B, A]`; `alpha` None: no balance."""
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits)
    probabilities = tf.sigmoid(logits)
    p_t = targets * probabilities + (1.0 - targets) * (1.0 - probabilities)
    if gamma:
        losses *= tf.pow(1.0 - p_t, gamma)
    if alpha is not None:
        losses *= targets * alpha + (1.0 - targets) * (1.0 - alpha)
    return tf.reduce_sum(losses, axis=-1) * weights


def localization_loss(config: Any) -> AnchorLoss:
    """The loss a `LocalizationLoss` proto names; BadInput for one that isn't supported."""
    kind = config.WhichOneof("localization_loss")
    if kind == "weighted_smooth_l1":
        return partial(smooth_l1, delta=config.weighted_smooth_l1.delta)
    if kind == "weighted_l2":
        return l2
    if kind == "l1_localization_loss":
        return l1
    raise NoNativeModel(
        f"localization loss {kind or '(none)'} is not supported",
        "model.ssd.loss.localization_loss",
        "use weighted_smooth_l1, weighted_l2 or l1_localization_loss",
    )


def classification_loss(config: Any) -> AnchorLoss:
    """The loss a `ClassificationLoss` proto names; BadInput for one that isn't supported."""
    kind = config.WhichOneof("classification_loss")
    if kind == "weighted_sigmoid":
        return sigmoid_cross_entropy
    if kind == "weighted_softmax":
        return partial(softmax_cross_entropy, logit_scale=config.weighted_softmax.logit_scale)
    if kind == "weighted_sigmoid_focal":
        focal = config.weighted_sigmoid_focal
        return partial(
            sigmoid_focal, gamma=focal.gamma, alpha=focal.alpha if focal.HasField("alpha") else None
        )
    if kind == "bootstrapped_sigmoid":
        bootstrapped = config.bootstrapped_sigmoid
        return partial(bootstrapped_sigmoid, alpha=bootstrapped.alpha, hard=bootstrapped.hard_bootstrap)
    raise NoNativeModel(
        f"classification loss {kind or '(none)'} is not supported",
        "model.ssd.loss.classification_loss",
        "use weighted_sigmoid, weighted_softmax, weighted_sigmoid_focal or bootstrapped_sigmoid",
    )
