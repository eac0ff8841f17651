"""What a detector can do whose network rounds to 8 bits between its layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol, runtime_checkable

import tensorflow as tf

from detection.detector import Tensors


class Replayed(NamedTuple):
    """A run of the network whose roundings were given their inputs.

    `predictions` are as of `call`; `computed` has what the network itself would have rounded, and `rounded`
    what it made of the given inputs, both `[B, h, w, C]` float32 by the rounding's name.
    """

    predictions: Tensors
    computed: Tensors
    rounded: Tensors


@runtime_checkable
class RoundingDetector(Protocol):
    """A detector with roundings that can be run one by one, so that each can be proved on TF1's input to it.

    At run time only the method's name is checked.
    """

    def replay_roundings(self, preprocessed: tf.Tensor, inputs: Mapping[str, tf.Tensor]) -> Replayed:
        """Raw predictions for `[B, H, W, 3]` float32, each rounding made of the input that is given for it.

        Args:
          preprocessed: as `preprocess` gives it.
          inputs: `[B, h, w, C]` float32 by the rounding's name: the scope of its range and its place in the
            concatenation there, as in `scope/concat/0`. What is not given is computed.
        """
