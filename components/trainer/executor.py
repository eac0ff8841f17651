"""Runs training as a TFX node."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.trainer.fit import train
from components.trainer.options import TrainOptions
from detection.config.pipeline_config import read_pipeline_config
from detection.errors import BadInput, Failed


class Executor(base_executor.BaseExecutor):
    """Trains on the split train; `model` gets the detector, `model_run` the TensorBoard events."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Train, or go on with a training of the same inputs that did not finish."""
        resolved_config = Path(artifact_utils.get_single_uri(input_dict["resolved_config"]))
        converted_model = Path(artifact_utils.get_single_uri(input_dict["converted_model"]))
        work_dir = self._work_dir(input_dict, exec_properties["train"])
        train(
            read_pipeline_config(resolved_config / "pipeline.config"),
            converted_model,
            _split_files(input_dict["examples"], "train"),
            _split_files(input_dict["examples"], "eval"),
            Path(artifact_utils.get_single_uri(output_dict["model"])),
            work_dir,
            _parse_options(exec_properties["train"]),
            label_map=resolved_config / "label_map.pbtxt",
            log_dir=Path(artifact_utils.get_single_uri(output_dict["model_run"])),
        )
        shutil.rmtree(work_dir)

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


def _parse_options(text: str) -> TrainOptions:
    try:
        return TrainOptions.model_validate_json(text)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'train'}: {item['msg']}" for item in error.errors()
        )
        raise BadInput(problems, "train section of the detector's YAML", "correct these settings") from error
