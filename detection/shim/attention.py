"""Lets the attention of the OD API's Context R-CNN run on any number of images."""

from __future__ import annotations

from functools import partial
from typing import Any

import tensorflow as tf


def mend_attention(model: Any, trains_batch_norm: bool) -> None:
    """Change a ContextRCNNMetaArch in place.

    Its attention must know how many images there are. Where that is unknown, it sees them one by one: at
    inference no image's attention reads another's. Its batch norms follow no config: `trains_batch_norm`
    decides.
    """
    attend = model._context_feature_extract_fn
    attend = partial(attend.func, **attend.keywords | {"is_training": trains_batch_norm})
    model._context_feature_extract_fn = partial(_attention, attend, model.max_num_proposals)


def _attention(
    attend: Any,
    max_proposals: int,
    *,
    box_features: tf.Tensor,
    num_proposals: tf.Tensor,
    context_features: tf.Tensor,
    valid_context_size: tf.Tensor,
) -> tf.Tensor:
    """What is added to the proposals' features `[B * P, h, w, C]`: `[B, P, 1, 1, C]`."""
    by_image = tf.reshape(box_features, [-1, max_proposals, *box_features.shape[1:]])

    def of_images(features: tf.Tensor, count: tf.Tensor, context: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
        return attend(
            box_features=tf.reshape(features, [-1, *features.shape[2:]]),
            num_proposals=count,
            context_features=context,
            valid_context_size=valid,
        )

    batch = context_features.shape[0]
    if batch is not None:
        return of_images(
            tf.ensure_shape(by_image, [batch, *by_image.shape[1:]]),
            tf.ensure_shape(num_proposals, [batch]),
            context_features,
            tf.ensure_shape(valid_context_size, [batch]),
        )
    return tf.map_fn(
        lambda one: of_images(*(value[tf.newaxis] for value in one))[0],
        (by_image, num_proposals, context_features, valid_context_size),
        fn_output_signature=tf.TensorSpec([max_proposals, 1, 1, by_image.shape[-1]], tf.float32),
    )
