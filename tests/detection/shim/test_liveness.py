from __future__ import annotations

import tensorflow as tf

from detection.shim.liveness import live_names


def test_what_an_output_is_computed_from_is_live() -> None:
    names = ("used", "in_a_branch", "read_for_nothing", "never_read")
    variables = {name: tf.Variable(1.0) for name in names}

    @tf.function(autograph=False)
    def compute(x: tf.Tensor) -> tf.Tensor:
        _ = variables["read_for_nothing"] * x
        return tf.cond(x > 0, lambda: variables["in_a_branch"] * x, lambda: x) + variables["used"]

    traced = compute.get_concrete_function(tf.TensorSpec([], tf.float32))
    assert live_names(traced, variables) == {"used", "in_a_branch"}
