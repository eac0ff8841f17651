"""The same bits from the same training: operations that add up in one order only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from components.trainer.options import TrainOptions
from detection.errors import BadInput


@contextmanager
def deterministic_if_asked(options: TrainOptions) -> Iterator[None]:
    """From here on, and to the end of the process, `options.deterministic` holds.

    Raises:
      BadInput: the training needs an operation that has no such form on this device.
    """
    if options.deterministic:
        tf.config.experimental.enable_op_determinism()
    try:
        yield
    except tf.errors.UnimplementedError as error:
        if not (options.deterministic and "determinis" in str(error)):
            raise
        raise BadInput(
            f"an operation of this training can't be made deterministic: {error.message.splitlines()[0]}",
            "train.deterministic",
            "leave it out, or set train.device to cpu",
        ) from error
