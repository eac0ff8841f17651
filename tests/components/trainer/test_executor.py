"""The TFX node: what it passes on, where a retry finds its checkpoints, and how bad settings are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import standard_artifacts

from components.trainer import executor, fit
from components.trainer.component import Trainer
from components.types import ConvertedModel, DetectorModel, ResolvedConfig
from detection.errors import BadInput


def artifact(kind: type[types.Artifact], path: Path) -> types.Artifact:
    made = kind()
    made.uri = str(path)
    path.mkdir(parents=True, exist_ok=True)
    return made


@pytest.fixture
def node(tmp_path: Path) -> tuple[dict[str, list[types.Artifact]], dict[str, list[types.Artifact]]]:
    """Inputs and outputs of a Trainer under tmp_path."""
    examples = artifact(standard_artifacts.Examples, tmp_path / "examples")
    examples.split_names = '["train", "eval"]'
    for split in ("train", "eval"):
        (tmp_path / "examples" / f"Split-{split}").mkdir()
        for shard in (1, 0):
            (tmp_path / "examples" / f"Split-{split}" / f"examples-{shard}-of-2.tfrecord.gz").touch()
    config = artifact(ResolvedConfig, tmp_path / "config")
    (tmp_path / "config" / "pipeline.config").write_text("model { ssd {} } train_config { batch_size: 3 }")
    inputs = {
        "examples": [examples],
        "resolved_config": [config],
        "converted_model": [artifact(ConvertedModel, tmp_path / "converted")],
    }
    outputs = {
        "model": [artifact(DetectorModel, tmp_path / "model")],
        "model_run": [artifact(standard_artifacts.ModelRun, tmp_path / "model_run")],
        "hyper_parameters": [artifact(standard_artifacts.HyperParameters, tmp_path / "hyper_parameters")],
    }
    return inputs, outputs


def run(node: Any, attempt_dir: Path, train: str) -> None:
    """One attempt; TFX's launcher gives each its own stateful working directory."""
    context = base_executor.BaseExecutor.Context(stateful_working_dir=str(attempt_dir))
    properties = {"train": train, "export": '{"tflite": ["float16"]}', "triggered": '["steps"]'}
    executor.Executor(context).Do(node[0], node[1], properties)


def test_retries_share_a_work_dir_that_success_removes(
    node: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[Any, ...]] = []

    def train(*args: Any) -> None:
        calls.append(args)
        args[1].work.mkdir(parents=True, exist_ok=True)
        if len(calls) == 1:
            raise KeyboardInterrupt
        (args[1].out / "hyper_parameters.json").write_text(f"of call {len(calls)}")

    monkeypatch.setattr(fit, "train", train)
    system = tmp_path / "Trainer" / ".system" / "stateful_working_dir"
    with pytest.raises(KeyboardInterrupt):
        run(node, system / "attempt-1", '{"steps": 7}')
    run(node, system / "attempt-2", '{"steps": 7}')
    run(node, system / "attempt-3", '{"steps": 8}')
    work_dirs = [args[1].work for args in calls]
    assert work_dirs[0] == work_dirs[1] != work_dirs[2]
    assert work_dirs[0].parent == tmp_path / "Trainer" / ".system" / "training"
    assert not any(work_dir.exists() for work_dir in work_dirs)

    config, paths, options, export, triggered = calls[1]
    assert config.train_config.batch_size == 3 and paths.converted == tmp_path / "converted"
    names = [f"examples-{shard}-of-2.tfrecord.gz" for shard in (0, 1)]
    assert [file.name for file in paths.train_files] == names
    assert paths.eval_files[0].parent.name == "Split-eval" and paths.out == tmp_path / "model"
    assert paths.label_map == tmp_path / "config" / "label_map.pbtxt"
    assert paths.logs == tmp_path / "model_run"
    assert options.steps == 7 and export.tflite == ["float16"] and triggered == ["steps"]
    assert (tmp_path / "hyper_parameters" / "hyper_parameters.json").read_text() == "of call 3"


@pytest.mark.parametrize(
    ("train", "word"),
    [
        ('{"keep": "best"}', "keep: best needs eval_every_steps"),
        ('{"stepps": 5}', "stepps: Extra inputs"),
        ('{"steps": 0}', "steps: .*greater"),
        ("{", "Invalid JSON"),
    ],
)
def test_bad_settings_are_named(node: Any, tmp_path: Path, train: str, word: str) -> None:
    with pytest.raises(BadInput, match=word):
        run(node, tmp_path / ".system" / "stateful_working_dir" / "a", train)


def test_component_declares_its_contract() -> None:
    trainer = Trainer(
        examples=types.Channel(type=standard_artifacts.Examples),
        resolved_config=types.Channel(type=ResolvedConfig),
        converted_model=types.Channel(type=ConvertedModel),
        train="{}",
        export="{}",
        triggered="[]",
    )
    assert trainer.outputs["model"].type is DetectorModel
    assert trainer.outputs["model_run"].type is standard_artifacts.ModelRun
    assert trainer.outputs["hyper_parameters"].type is standard_artifacts.HyperParameters
    assert trainer.exec_properties == {"train": "{}", "export": "{}", "triggered": "[]"}
