"""Which images of each batch a machine reads."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Share:
    """One of `count` equal parts of each batch, itself divided into `batches` that follow one another.

    The parts of all machines together are the batches that one machine alone would read.

    Attributes:
      index: which part, from 0.
      count: how many machines share a batch.
      batches: into how many it is divided on each of them, one for each of its replicas.
    """

    index: int = 0
    count: int = 1
    batches: int = 1

    def size(self, batch_size: int) -> int:
        """How many images one element of the data has where a batch has `batch_size`."""
        return batch_size // (self.count * self.batches)

    def select(self, examples: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
        """The elements (position, ...) of `examples` that belong to this part, in their order."""
        if self.count == 1:
            return examples
        part = batch_size // self.count
        return examples.filter(lambda position, *_: position % batch_size // part == self.index)


WHOLE = Share()
