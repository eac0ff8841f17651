"""Rules about the paths in a config."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.config_validator.checkpoint_facts import CheckpointFacts
from components.config_validator.rules_paths import RULES
from components.config_validator.subject import Problem
from detection.config.label_map import LabelMap

ProblemsOf = Callable[..., list[tuple[str, Problem]]]

CHECKPOINT = 'train_config { fine_tune_checkpoint: "%s" }'
TRAIN = 'train_input_reader { tf_record_input_reader { input_path: "%s" } }'
EVAL = 'eval_input_reader { tf_record_input_reader { input_path: "%s" } }'


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a config, a checkpoint, records in one file and in shards, and a label map."""
    for name in (
        "model.ckpt-200.index",
        "model.ckpt-200.data-00000-of-00001",
        "train.record",
        "val.record-00000-of-00002",
        "val.record-00001-of-00002",
        "labels.pbtxt",
    ):
        (tmp_path / name).touch()
    return tmp_path / "pipeline.config"


@pytest.mark.parametrize(
    ("path", "severity", "message"),
    [
        ("model.ckpt-200.index", "warning", "ends in .index"),
        ("model.ckpt-200.meta", "warning", "ends in .meta"),
        ("model.ckpt-200.data-00000-of-00001", "warning", "ends in .data-00000-of-00001"),
        ("gone/model.ckpt", "warning", "is not here: gone/model.ckpt"),
        ("gs://bucket/model.ckpt", "info", "store that is not looked into"),
        ("s3://bucket/model.ckpt", "info", "store that is not looked into"),
        ("D:/training/model.ckpt", "warning", "is a path of Windows"),
        (r"C:\\training\\model.ckpt", "warning", "is a path of Windows"),
        (r"training\\model.ckpt", "warning", "is a path of Windows"),
        ("http://host/model.ckpt", "warning", "an address on the web"),
        ("frozen_inference_graph.pb", "warning", "is a frozen graph or SavedModel"),
        ("x" * 5000, "warning", "is not here"),
        ("?" * 100_000 + ".record", "warning", "is not here"),
        (r"a\0b", "warning", "is not here"),
    ],
)
def test_a_checkpoint_that_can_not_be_restored_is_said(
    config: Any, problems_of: ProblemsOf, here: Path, path: str, severity: str, message: str
) -> None:
    ((code, problem),) = problems_of(RULES, config, CHECKPOINT % path, text_path=here)
    assert (code, problem.severity) == ("CFG042", severity)
    assert message in problem.message
    expected = ["model.ckpt-200"] if " ends in " in problem.message else []
    assert [change.value for change in problem.changes] == expected


@pytest.mark.parametrize(
    "path", ["", "model.ckpt-200", "./model.ckpt-200", "PATH_TO_BE_CONFIGURED/model.ckpt", ".", "file://{}"]
)
def test_a_checkpoint_that_is_here_has_no_answer(
    config: Any, problems_of: ProblemsOf, here: Path, path: str
) -> None:
    path = path.replace("{}", str(here.parent / "model.ckpt-200"))
    assert problems_of(RULES, config, CHECKPOINT % path, text_path=here) == []


@pytest.mark.parametrize("path", ["model.ckpt", "model.ckpt-2000"])
def test_the_nearest_checkpoint_is_offered(
    config: Any, problems_of: ProblemsOf, here: Path, path: str
) -> None:
    ((_, problem),) = problems_of(RULES, config, CHECKPOINT % path, text_path=here)
    assert problem.fix == 'did you mean "model.ckpt-200"?'


def test_the_detectors_checkpoint_overrides_the_path(
    config: Any, problems_of: ProblemsOf, here: Path
) -> None:
    facts = CheckpointFacts("other.ckpt", "detection", 4, {})
    assert problems_of(RULES, config, CHECKPOINT % "gone/model.ckpt", text_path=here, checkpoint=facts) == []
    problems = problems_of(RULES, config, CHECKPOINT % "m.ckpt.index", text_path=here, checkpoint=facts)
    assert [code for code, _ in problems] == ["CFG042"]


@pytest.mark.parametrize(
    ("path", "severity", "message"),
    [
        ("gone.record", "warning", "input_path is not here: gone.record"),
        ("gone-?????-of-00010", "warning", "is not here"),
        ("gone.record@10", "warning", "is not here"),
        ("gs://bucket/train.record", "info", "store that is not looked into"),
        ("E:/data/train.record", "warning", "is a path of Windows"),
    ],
)
def test_a_record_that_can_not_be_read_is_said(
    config: Any, problems_of: ProblemsOf, here: Path, path: str, severity: str, message: str
) -> None:
    ((code, problem),) = problems_of(RULES, config, TRAIN % path, text_path=here)
    assert (code, problem.severity) == ("CFG043", severity)
    assert message in problem.message
    assert problem.field == "train_input_reader.tf_record_input_reader.input_path"


@pytest.mark.parametrize(
    "path",
    [
        "train.record",
        "val.record-?????-of-00002",
        "val.record-?????-of-?????",
        "val.record*",
        "val.record@2",
        "val.record-00000-of-00002",
        "PATH_TO_BE_CONFIGURED/train.record",
        "folder-*/train.record",  # not looked into
    ],
)
def test_a_record_that_is_here_has_no_answer(
    config: Any, problems_of: ProblemsOf, here: Path, path: str
) -> None:
    assert problems_of(RULES, config, TRAIN % path, text_path=here) == []


def test_label_maps_are_looked_for_unless_the_run_has_one(
    config: Any, problems_of: ProblemsOf, here: Path, label_map: LabelMap
) -> None:
    text = (
        'train_input_reader { label_map_path: "labels.pbtxt" } '
        'eval_input_reader { label_map_path: "C:/labels.pbtxt" }'
    )
    ((code, problem),) = problems_of(RULES, config, text, text_path=here)
    assert (code, problem.field) == ("CFG043", "eval_input_reader[0].label_map_path")
    assert problems_of(RULES, config, text_path=here, label_map=label_map) == []


def test_many_paths_are_one_answer_and_the_same_path_is_told_once(
    config: Any, problems_of: ProblemsOf, here: Path
) -> None:
    reader = 'tf_record_input_reader { input_path: "a.record" input_path: "b.record" }'
    problems = problems_of(RULES[1:2], config, f"train_input_reader {{ {reader} }}", text_path=here)
    assert [p.message for _, p in problems] == ["input_path is not here: a.record (and 1 more)"]
    problems = problems_of(RULES[1:2], config, f"eval_input_reader {{ {reader} }}", text_path=here)
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("train", "evaluation", "same"),
    [
        ("train.record", "train.record", True),
        ("./train.record", "train.record", True),
        ("train.record", "val.record-00000-of-00002", False),
        ("PATH_TO_BE_CONFIGURED", "PATH_TO_BE_CONFIGURED", False),
        ("PATH_TO_BE_CONFIGURED/train.record", "PATH_TO_BE_CONFIGURED/train.record", True),
    ],
)
def test_evaluation_on_the_training_data_is_said(
    config: Any, problems_of: ProblemsOf, here: Path, train: str, evaluation: str, same: bool
) -> None:
    problems = problems_of(RULES, config, TRAIN % train + EVAL % evaluation, text_path=here)
    assert [(c, p.severity) for c, p in problems] == ([("CFG044", "warning")] if same else [])
