"""Rules about settings that are not carried over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.config_validator.rules_ignored import RULES
from components.config_validator.subject import Problem

ProblemsOf = Callable[..., list[tuple[str, Problem]]]


@pytest.mark.parametrize(
    ("text", "code", "severity", "message"),
    [
        ("train_config { sync_replicas: true }", "CFG018", "info", "sync_replicas has no effect"),
        ("train_config { use_bfloat16: true }", "CFG062", "info", "train_config.use_bfloat16"),
        ("train_config { unpad_groundtruth_tensors: false }", "CFG062", "info", "unpad_groundtruth_tensors"),
        ("model { ssd { inplace_batchnorm_update: true } }", "CFG062", "info", "inplace_batchnorm_update"),
        ("train_config { batch_queue_capacity: 500 }", "CFG063", "info", "batch_queue_capacity"),
        ("train_config { max_number_of_boxes: 50 }", "CFG063", "info", "train_config.max_number_of_boxes"),
        ("train_input_reader { num_readers: 8 queue_capacity: 9 }", "CFG063", "info", "train_input_reader.q"),
        ("eval_input_reader { shuffle: true }", "CFG063", "info", "eval_input_reader.shuffle"),
        ("train_input_reader { shuffle: false }", "CFG063", "info", "train_input_reader.shuffle"),
        ("train_config { max_number_of_boxes: 300 }", "CFG063", "warning", "is 300, but training takes 100"),
        ("train_config { merge_multiple_label_boxes: true }", "CFG063", "warning", "merge_multiple_label"),
        ("train_input_reader { sample_1_of_n_examples: 10 }", "CFG063", "warning", "sample_1_of_n_examples"),
        ("train_input_reader { load_context_features: true }", "CFG063", "warning", "load_context_features"),
    ],
)
def test_a_setting_without_effect_is_one_answer(
    config: Any, problems_of: ProblemsOf, text: str, code: str, severity: str, message: str
) -> None:
    problems = problems_of(RULES, config, text)
    assert [(c, p.severity) for c, p in problems] == [(code, severity)]
    assert message in problems[0][1].message


def test_a_context_rcnn_has_its_features_loaded(config: Any, problems_of: ProblemsOf) -> None:
    readers = (
        "train_input_reader { load_context_features: true } eval_input_reader { load_context_features: true }"
    )
    model = "model { faster_rcnn { context_config { } } }"
    assert problems_of(RULES, config, f"{model} {readers}") == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "train_config { sync_replicas: false startup_delay_steps: 0 use_bfloat16: false }",
        "train_config { bias_grad_multiplier: 2.0 }",
        "train_input_reader { sample_1_of_n_examples: 1 label_map_path: 'x' shuffle: true }",
        "eval_input_reader { shuffle: false num_epochs: 1 tf_record_input_reader { input_path: 'x' } }",
    ],
)
def test_settings_that_change_nothing_have_no_answer(config: Any, problems_of: ProblemsOf, text: str) -> None:
    assert problems_of(RULES, config, text) == []


def test_settings_for_tpus_are_one_answer(config: Any, problems_of: ProblemsOf) -> None:
    config.model.faster_rcnn.use_static_shapes = True
    ((code, problem),) = problems_of(RULES, config, "train_config { use_bfloat16: true }")
    assert code == "CFG062"
    assert "train_config.use_bfloat16, model.faster_rcnn.use_static_shapes" in problem.message
