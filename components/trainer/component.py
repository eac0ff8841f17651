"""The Trainer's contract: examples, config and converted weights in, a fine-tuned detector out."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.trainer.executor import Executor
from components.types import ConvertedModel, DetectorModel, ResolvedConfig


class TrainerSpec(types.ComponentSpec):
    """Inputs, outputs and execution properties of Trainer."""

    PARAMETERS = {
        "train": ExecutionParameter(type=str),
        "export": ExecutionParameter(type=str),
        "triggered": ExecutionParameter(type=str),
    }
    INPUTS = {
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "resolved_config": ChannelParameter(type=ResolvedConfig),
        "converted_model": ChannelParameter(type=ConvertedModel),
    }
    OUTPUTS = {
        "model": ChannelParameter(type=DetectorModel),
        "model_run": ChannelParameter(type=standard_artifacts.ModelRun),
        "hyper_parameters": ChannelParameter(type=standard_artifacts.HyperParameters),
    }


class Trainer(base_component.BaseComponent):
    """Fine-tunes the converted detector; a retry goes on from the last checkpoint."""

    SPEC_CLASS = TrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        resolved_config: types.BaseChannel,
        converted_model: types.BaseChannel,
        train: str,
        export: str,
        triggered: str,
    ) -> None:
        """Make the node.

        Args:
          examples: Examples with the splits train and eval.
          resolved_config: the ConfigValidator's ResolvedConfig.
          converted_model: the CheckpointConverter's ConvertedModel.
          train: JSON of TrainOptions.
          export: JSON of ExportOptions.
          triggered: JSON list of the train options that the run's trigger set.
        """
        spec = TrainerSpec(
            examples=examples,
            resolved_config=resolved_config,
            converted_model=converted_model,
            train=train,
            export=export,
            triggered=triggered,
            model=types.Channel(type=DetectorModel),
            model_run=types.Channel(type=standard_artifacts.ModelRun),
            hyper_parameters=types.Channel(type=standard_artifacts.HyperParameters),
        )
        super().__init__(spec=spec)
