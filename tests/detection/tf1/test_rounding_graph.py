from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from detection.tf1.rounding_graph import Rounding, find_roundings, without_fake_quantization


def _graph(build: Callable[[], object]) -> tf.compat.v1.GraphDef:
    with tf.Graph().as_default() as graph:
        build()
    return graph.as_graph_def()


def _range(scope: str) -> list[tf.Tensor]:
    """As a frozen graph holds a range: two constants, each read by an Identity."""
    ends = (("min", 0.0), ("max", 6.0))
    return [
        tf.identity(tf.constant(end, name=f"{scope}/{leaf}"), f"{scope}/{leaf}/read") for leaf, end in ends
    ]


def _network() -> None:
    """One concatenation of rounded values, of which training for quantisation has rounded one before."""
    value = tf.compat.v1.placeholder(tf.float32, [None], name="value")
    rounding = tf.quantization.fake_quant_with_min_max_vars
    trained = rounding(value, *_range("net/act_quant"), name="net/act_quant/rounded")
    shared = _range("net/concat")
    parts = [rounding(part, *shared, name="net/concat/rounded") for part in (trained, 2 * value)]
    tf.concat(parts, 0, name="out")


@pytest.fixture(scope="module")
def graph_def() -> tf.compat.v1.GraphDef:
    return _graph(_network)


def test_roundings_are_named_by_their_range_and_place(graph_def: tf.compat.v1.GraphDef) -> None:
    assert find_roundings(graph_def) == {
        "net/concat/0": Rounding("net/act_quant/rounded:0", "net/concat/rounded:0"),
        "net/concat/1": Rounding("mul:0", "net/concat/rounded_1:0"),
    }


@pytest.mark.parametrize(
    ("model", "changed", "wanted"),
    [
        ((), 3, [0.1234567, 0.2469134]),
        (("net/concat/min", "net/concat/max"), 1, [0.11764706, 0.23529412]),  # steps of 6 / 255
    ],
)
def test_what_is_no_part_of_the_model_passes_its_input_on(
    graph_def: tf.compat.v1.GraphDef, model: tuple[str, ...], changed: int, wanted: list[float]
) -> None:
    plain, count = without_fake_quantization(graph_def, model)
    assert count == changed
    assert len(find_roundings(plain)) == (2 if model else 0)
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(plain, name="")
        with tf.compat.v1.Session(graph=graph) as session:
            found = session.run("out:0", {"value:0": [0.1234567]})
    np.testing.assert_allclose(found, np.float32(wanted), rtol=1e-6)


def test_a_range_of_constants_is_of_training() -> None:
    graph_def = _graph(
        lambda: tf.quantization.fake_quant_with_min_max_vars(tf.constant([0.5]), min=0.0, max=6.0)
    )
    assert without_fake_quantization(graph_def, ("net/concat/min",))[1] == 1
