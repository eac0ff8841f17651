"""Runs training as a TFX node."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.trainer.options import ExportOptions, TrainOptions
from detection.config.pipeline_config import read_pipeline_config
from detection.errors import BadInput, Failed

Options = TypeVar("Options", bound=BaseModel)


class Executor(base_executor.BaseExecutor):
    """Trains on the split train.

    `model` gets the detector, `model_run` the TensorBoard events, and `hyper_parameters` what it was trained
    with, which lies beside the detector too.
    """

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Train, or go on with a training of the same inputs that did not finish."""
        # here, because planning imports this module and needs no TensorFlow
        from components.trainer.fit import train
        from components.trainer.hyper_parameters import HYPER_PARAMETERS_FILE
        from components.trainer.job import TrainingPaths
        from components.trainer.state import discard

        resolved_config = Path(artifact_utils.get_single_uri(input_dict["resolved_config"]))
        model = Path(artifact_utils.get_single_uri(output_dict["model"]))
        work_dir = self._work_dir(input_dict, exec_properties["train"])
        train(
            read_pipeline_config(resolved_config / "pipeline.config"),
            TrainingPaths(
                converted=Path(artifact_utils.get_single_uri(input_dict["converted_model"])),
                train_files=_split_files(input_dict["examples"], "train"),
                eval_files=_split_files(input_dict["examples"], "eval"),
                label_map=resolved_config / "label_map.pbtxt",
                out=model,
                work=work_dir,
                logs=Path(artifact_utils.get_single_uri(output_dict["model_run"])),
            ),
            _parse(TrainOptions, exec_properties["train"], "train"),
            _parse(ExportOptions, exec_properties["export"], "export"),
            json.loads(exec_properties["triggered"]),
        )
        found = Path(artifact_utils.get_single_uri(output_dict["hyper_parameters"]))
        shutil.copyfile(model / HYPER_PARAMETERS_FILE, found / HYPER_PARAMETERS_FILE)
        discard(work_dir)

    def _work_dir(self, input_dict: dict[str, list[types.Artifact]], options: str) -> Path:
        """A directory of the node that every attempt with these inputs finds again.

        TFX's stateful working directory itself won't do: its launcher names a new one at each attempt.
        """
        uris = [
            artifact_utils.get_single_uri(input_dict[name])
            for name in ("examples", "resolved_config", "converted_model")
        ]
        digest = hashlib.sha256("\n".join([options, *uris]).encode()).hexdigest()[:16]
        if self._context is None or not self._context.stateful_working_dir:
            raise Failed(
                "TFX gave this node no working directory", "Trainer", "run it with pipelines.run_node"
            )
        return Path(self._context.stateful_working_dir).parents[1] / "training" / digest


def _split_files(examples: list[types.Artifact], split: str) -> list[Path]:
    return sorted(Path(artifact_utils.get_split_uri(examples, split)).glob("*.tfrecord*"))


def _parse(kind: type[Options], text: str, section: str) -> Options:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or section}: {item['msg']}" for item in error.errors()
        )
        raise BadInput(
            problems, f"{section} section of the detector's YAML", "correct these settings"
        ) from error
