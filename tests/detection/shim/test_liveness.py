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


def test_of_copies_a_graph_reads_the_first() -> None:
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        variables = {"used": tf.Variable(1.0), "not_used": tf.Variable(2.0)}
        compute = tf.function(lambda x: variables["used"] * x, autograph=False)
        traced = compute.get_concrete_function(tf.TensorSpec([], tf.float32))
    assert all(len(variable.values) == 1 for variable in variables.values())
    assert live_names(traced, variables) == {"used"}
