"""Graphs that TensorFlow runs as they were traced."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import tensorflow as tf

_OPTION = "disable_meta_optimizer"

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def as_traced(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """`function` without TensorFlow's graph optimizer (Grappler) for the tf.functions that it calls.

    On a processor it took a third of a training's first step, and no step was faster for it: what it could
    fold or fuse is inference's. On a GPU it chooses the layout of the convolutions and has to stay.
    """

    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        before = tf.config.optimizer.get_experimental_options().get(_OPTION, False)
        tf.config.optimizer.set_experimental_options({_OPTION: True})
        try:
            return function(*args, **kwargs)
        finally:
            tf.config.optimizer.set_experimental_options({_OPTION: before})

    return call
