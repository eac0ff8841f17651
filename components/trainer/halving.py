"""Trains in smaller parts of a batch where the whole does not fit in memory."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TypeVar

import tensorflow as tf

from components.trainer.devices import Devices
from components.trainer.division import Indivisible
from components.trainer.job import TrainingJob
from components.trainer.shortages import is_out_of_memory, out_of_memory

Result = TypeVar("Result")


def halving_batches(job: TrainingJob, devices: Devices, train: Callable[[TrainingJob], Result]) -> Result:
    """`train(job)`, again with each batch in twice as many parts whenever memory runs out, if `job` says so.

    The results are those of whole batches. Each try begins at the last checkpoint.

    Raises:
      BadInput: single images are too large.
      MemoryError, tf.errors.OpError: out of memory, and the batch can't be divided.
    """
    shortage: BaseException | None = None
    while True:
        try:
            return train(job)
        except Indivisible:
            if shortage is None:
                raise
            raise shortage from None
        except (MemoryError, tf.errors.OpError) as error:
            if not (job.options.halve_batch and is_out_of_memory(error)):
                raise
            images = job.batch_size // devices.replicas
            parts = next_parts(images, job.options.accumulate)
            if parts is None:
                raise out_of_memory(error, job.config, 1) from error
            shortage = error.with_traceback(None)  # which would keep the tensors of the step alive
        print(f"out of memory: {images} images are now computed in {parts} parts, one by one", flush=True)
        job = job.with_options(job.options.model_copy(update={"accumulate": parts}))
        gc.collect()


def next_parts(images: int, parts: int) -> int | None:
    """The least number of equal parts of `images` that is at least twice `parts`; None at single images."""
    return next((more for more in range(2 * parts, images + 1) if images % more == 0), None)
