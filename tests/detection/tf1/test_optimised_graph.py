from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from detection.errors import BadInput
from detection.tf1.optimised_graph import optimised_variables

SCOPE = "FeatureExtractor/Net/Conv"


def _graph(build):
    with tf.Graph().as_default() as graph:
        images = tf.compat.v1.placeholder(tf.float32, [None, 8, 8, 3], "image")
        build(images)
    return graph.as_graph_def()


def _kernel(value: float, name: str):
    return tf.constant(np.full((3, 3, 3, 4), value, np.float32), name=name)


def _offset(value: float, name: str):
    return tf.constant(np.full(4, value, np.float32), name=name)


def test_a_folded_convolution_and_one_with_a_bias():
    def build(images):
        kernel = _kernel(1, f"{SCOPE}/Conv2D_weights")
        folded = tf.nn.conv2d(images, kernel, 1, "SAME", name=f"{SCOPE}/Conv2D")
        tf.nn.bias_add(folded, _offset(2, f"{SCOPE}/Conv2D_bn_offset"), name=f"{SCOPE}/BatchNorm/Fused")
        biased = tf.nn.conv2d(images, _kernel(3, "Head/weights"), 1, "SAME", name="Head/Conv2D")
        tf.nn.bias_add(biased, _offset(4, "Head/biases"), name="Head/BiasAdd")

    found = optimised_variables(_graph(build), "graph.pb")
    assert {name: float(value.max()) for name, value in found.values.items()} == {
        f"{SCOPE}/weights": 1,
        "Head/weights": 3,
        "Head/biases": 4,
    }
    assert {name: float(value.max()) for name, value in found.folded.items()} == {SCOPE: 2}


def test_a_dilated_depthwise_convolution_in_a_scope_entered_twice():
    def build(images):
        kernel = tf.constant(np.ones((3, 3, 3, 1), np.float32), name="Net/Net/Conv/depthwise_weights")
        blocks = tf.space_to_batch_nd(images, [2, 2], [[2, 2], [2, 2]])
        outputs = tf.raw_ops.DepthwiseConv2dNative(
            input=blocks, filter=kernel, strides=[1, 1, 1, 1], padding="VALID", name="Net/Net/Conv/depthwise"
        )
        joined = tf.batch_to_space(outputs, [2, 2], [[0, 0], [0, 0]])
        tf.add(joined, tf.constant(np.ones(3, np.float32), name="Net/Net/Conv/offset"))

    found = optimised_variables(_graph(build), "graph.pb")
    assert list(found.values) == ["Net/Conv/depthwise_weights"]
    assert list(found.folded) == ["Net/Conv"]


def test_weights_that_kept_their_name():
    def build(images):
        outputs = tf.nn.conv2d(images, _kernel(1, f"{SCOPE}/weights"), 1, "SAME", name=f"{SCOPE}/convolution")
        tf.nn.bias_add(outputs, _offset(2, "anything"))

    found = optimised_variables(_graph(build), "graph.pb")
    assert (list(found.values), list(found.folded)) == ([f"{SCOPE}/weights"], [SCOPE])


def test_two_versions_of_shared_weights_are_refused():
    def build(images):
        for value in (1, 2):
            kernel = _kernel(value, f"Net/level_{value}")
            tf.raw_ops.Conv2D(
                input=images, filter=kernel, strides=[1, 1, 1, 1], padding="SAME",
                name=f"Shared/Conv2D{'_1' * (value - 1)}",
            )  # fmt: skip

    with pytest.raises(BadInput, match="two folded versions of Shared/weights"):
        optimised_variables(_graph(build), "graph.pb")


def test_fused_convolutions_are_refused():
    node = tf.compat.v1.NodeDef(op="_FusedConv2D", name="conv")
    with pytest.raises(BadInput, match="fused or quantised .*_FusedConv2D") as error:
        optimised_variables(tf.compat.v1.GraphDef(node=[node]), "graph.pb")
    assert error.value.where == "graph.pb"
