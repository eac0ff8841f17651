from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from detection.config.pipeline_config import parse_pipeline_config
from detection.context import (
    RECORD_FEATURES,
    ContextShape,
    context_of,
    context_shape,
    context_specs,
    empty_context,
    side_inputs,
)

SHAPE = ContextShape(4, 3)


def _example(rows: np.ndarray | None, length: int = 3) -> bytes:
    example = tf.train.Example()
    if rows is not None:
        feature = example.features.feature
        feature["image/context_features"].float_list.value.extend(rows.ravel().tolist())
        feature["image/context_feature_length"].int64_list.value.append(length)
    return example.SerializeToString()


def _context(record: bytes) -> dict[str, tf.Tensor]:
    found = context_of(tf.io.parse_single_example(record, RECORD_FEATURES), SHAPE)
    for name, spec in context_specs(SHAPE).items():
        assert spec.is_compatible_with(found[name])
    return found


def _model(text: str) -> ContextShape | None:
    return context_shape(parse_pipeline_config(f"model {{ {text} }}", "test.config").model)


def test_the_shape_of_a_config() -> None:
    context = "context_config { max_num_context_features: 4 context_feature_length: 3 }"
    assert _model(f"faster_rcnn {{ {context} }}") == SHAPE
    assert _model("faster_rcnn { num_classes: 3 }") is None
    assert _model("ssd { num_classes: 3 }") is None
    # the OD API builds an R-FCN of it, which reads none
    assert (
        _model(f"faster_rcnn {{ {context} second_stage_box_predictor {{ rfcn_box_predictor {{ }} }} }}")
        is None
    )


def test_an_example_s_rows_are_padded() -> None:
    rows = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = _context(_example(rows))
    np.testing.assert_array_equal(found["context_features"], np.vstack([rows, np.zeros([2, 3])]))
    assert found["valid_context_size"].numpy() == 2


def test_rows_beyond_the_size_are_left_out() -> None:
    rows = np.arange(18, dtype=np.float32).reshape(6, 3)
    found = _context(_example(rows))
    np.testing.assert_array_equal(found["context_features"], rows[:4])
    assert found["valid_context_size"].numpy() == 4


def test_an_example_without_context_has_an_empty_memory() -> None:
    found = _context(_example(None))
    wanted = empty_context(SHAPE, 1)
    for name in wanted:
        np.testing.assert_array_equal(found[name], wanted[name][0])


def test_rows_of_another_length_are_an_error() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="context_feature_length"):
        _context(_example(np.zeros([3, 2]), length=2))


def test_side_inputs_are_the_memory_alone() -> None:
    memory = empty_context(SHAPE, 2)
    assert [tuple(value.shape) for value in memory.values()] == [(2, 4, 3), (2,)]
    assert side_inputs(memory | {"boxes": tf.zeros([2, 1, 4])}).keys() == memory.keys()
    assert side_inputs({"boxes": tf.zeros([2, 1, 4])}) == {}
