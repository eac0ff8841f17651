from __future__ import annotations

import pytest

from components.checkpoint_converter.proof_context import proof_contexts, require_same_memory
from detection.context import ContextShape
from detection.errors import BadInput

SHAPE = ContextShape(20, 16)


def test_a_drawn_memory_and_none() -> None:
    for number, valid in ((1, 20), (2, 10), (3, 7), (4, 5), (21, 1)):
        drawn, none = proof_contexts(SHAPE, number)
        assert drawn["context_features"].shape == (1, 20, 16)
        assert drawn["context_features"].std() > 0.5
        assert [memory["valid_context_size"].tolist() for memory in (drawn, none)] == [[valid], [0]]
        assert none["context_features"].any(), "what is not valid must not be read"


def test_no_memory_is_one_run() -> None:
    assert proof_contexts(None, 1) == [{}]


@pytest.mark.parametrize(
    ("model", "graph", "message"),
    [
        (None, SHAPE, "has no context_config, and the TF1 graph reads context features of length 16"),
        (SHAPE, None, "reads no context_features and valid_context_size"),
        (SHAPE, ContextShape(20, 8), "context_feature_length 16, and .* of length 8"),
    ],
)
def test_another_memory_than_the_graph_s(
    model: ContextShape | None, graph: ContextShape | None, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        require_same_memory(model, graph)


def test_the_graph_may_remember_more_rows() -> None:
    require_same_memory(SHAPE, SHAPE._replace(size=200))
    require_same_memory(None, None)
