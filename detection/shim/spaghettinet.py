"""A SpaghettiNet of the OD API: for any number of images, with ranges that exist before it trains.

The inputs of its concatenations are rounded to 8 bits, within ranges that are moving averages in training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import tensorflow as tf

from detection.detector import Tensors
from detection.rounding import Replayed
from detection.shim.detector import ShimDetector, image_shapes, replaced


class ShimSpaghettiDetector(ShimDetector):
    """An SSD whose feature extractor is a SpaghettiNet; a RoundingDetector.

    The ranges move where batch norm trains, and only there.
    """

    def replay_roundings(self, preprocessed: tf.Tensor, inputs: Mapping[str, tf.Tensor]) -> Replayed:
        """See RoundingDetector."""
        shapes = image_shapes(preprocessed)
        network_input = self._padded(preprocessed)
        replay = _Replay(inputs)

        def predict(model: Any) -> tuple[Tensors, Tensors, Tensors]:
            return model.predict(network_input, shapes), replay.computed, replay.rounded

        with _mended(replay):
            found, computed, rounded = super()._run(False, predict)
        return Replayed(self._predictions(found, shapes), computed, rounded)

    def _run(self, training: bool, function: Callable[[Any], Any], *, masks: bool | None = None) -> Any:
        with _mended(None):
            return super()._run(training, function, masks=masks)


class _Replay:
    """Gives each rounding its input, and keeps what it would have got and what came out."""

    def __init__(self, given: Mapping[str, tf.Tensor]) -> None:
        self._given = given
        self.computed: Tensors = {}
        self.rounded: Tensors = {}

    def exchange(self, name: str, computed: tf.Tensor) -> tf.Tensor:
        self.computed[name] = computed
        return tf.ensure_shape(self._given.get(name, computed), computed.shape)


@contextmanager
def _mended(replay: _Replay | None) -> Iterator[None]:
    from object_detection.models import ssd_spaghettinet_feature_extractor as module

    with replaced(module, "SpaghettiNet", partial(_network_class(), replay)):
        yield


@cache
def _network_class() -> type:
    """The OD API's network, with what it does not let be set."""
    from object_detection.models import ssd_spaghettinet_feature_extractor as module

    class Network(module.SpaghettiNet):  # type: ignore[misc]
        def __init__(self, replay: _Replay | None, **settings: Any) -> None:
            super().__init__(**settings)
            self._replay = replay

        def _slice_shape_along_axis(self, shape: tf.TensorShape, axis: int, groups: int) -> list[int]:
            """Without the number of images, which TF1's code must know: -1 is all there are."""
            sizes = super()._slice_shape_along_axis(shape, axis, groups).as_list()
            return [-1 if size is None else size for size in sizes]

        def _quantizable_concat(
            self, inputs: list[tf.Tensor], axis: int, is_training: bool, *, scope: str
        ) -> tf.Tensor:
            """Only its ranges differ: all their variables exist in every mode, and on every GPU."""
            with tf.compat.v1.variable_scope(scope) as here:
                lowest, highest = _Average(here.name, "min", 0.0), _Average(here.name, "max", 6.0)
                if is_training:
                    together = tf.concat(inputs, axis)
                    lowest.add(tf.minimum(tf.reduce_min(together), 0.0))
                    highest.add(tf.maximum(tf.reduce_max(together), 0.0))
                rounded = []
                for place, values in enumerate(inputs):
                    name = f"{here.name}/{place}"
                    if self._replay is not None:
                        values = self._replay.exchange(name, values)
                    within = (lowest.variable, highest.variable)
                    rounded.append(tf.quantization.fake_quant_with_min_max_vars(values, *within))
                    if self._replay is not None:
                        self._replay.rounded[name] = rounded[-1]
                return tf.concat(rounded, axis)

    return Network


class _Average:
    """One end of a range: a moving average as TF1's assign_moving_average keeps it, without its bias to 0.

    That function makes its own two variables when training begins; here they are made beside the range.
    """

    def __init__(self, scope: str, leaf: str, start: float, decay: float = 0.999) -> None:
        self.variable = _variable(leaf, start)
        self._rate = 1.0 - decay
        with tf.compat.v1.variable_scope(f"{scope}/{leaf}"):  # within `scope`: TF1 has it twice too
            self._biased, self._steps = _variable("biased", 0.0), _variable("local_step", 0.0)

    def add(self, value: tf.Tensor) -> None:
        """Move the average towards a float32 scalar; no gradient passes, as in TF1."""
        rate = tf.constant(self._rate)
        self._biased.assign_sub((self._biased - tf.stop_gradient(value)) * rate)
        self._steps.assign_add(1.0)
        self.variable.assign(self._biased / (1.0 - tf.pow(1.0 - rate, self._steps)))


def _variable(name: str, start: float) -> tf.Variable:
    """A scalar of the current scope, kept as a batch norm's statistics are where there are several GPUs."""
    return tf.compat.v1.get_variable(
        name,
        shape=[],
        initializer=tf.compat.v1.constant_initializer(start),
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.MEAN,
    )
