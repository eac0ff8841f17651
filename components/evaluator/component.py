"""The Evaluator's contract: a new model and its predecessors in, a verdict and a report out."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.evaluator.executor import Executor
from components.types import ConvertedModel, DataQuarantine, DetectorModel, Evaluation, ResolvedConfig


class EvaluatorSpec(types.ComponentSpec):
    """Inputs, outputs and execution properties of Evaluator."""

    PARAMETERS = {
        "gate": ExecutionParameter(type=str),
        "evaluate": ExecutionParameter(type=str),
        "baseline": ExecutionParameter(type=str),
        "baseline_label_map": ExecutionParameter(type=str),
        "fingerprint": ExecutionParameter(type=str),
    }
    INPUTS = {
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "model": ChannelParameter(type=DetectorModel),
        "converted_model": ChannelParameter(type=ConvertedModel),
        "resolved_config": ChannelParameter(type=ResolvedConfig),
        "quarantine": ChannelParameter(type=DataQuarantine),
    }
    OUTPUTS = {
        "evaluation": ChannelParameter(type=Evaluation),
        "blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
    }


class Evaluator(base_component.BaseComponent):
    """Measures a new model and the one it would replace on the same images, and blesses or refuses it."""

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        converted_model: types.BaseChannel,
        resolved_config: types.BaseChannel,
        quarantine: types.BaseChannel,
        gate: str,
        evaluate: str,
        baseline: str,
        baseline_label_map: str,
        fingerprint: str,
    ) -> None:
        """Make the node.

        Args:
          examples: ExampleGen's Examples; its eval split is used.
          model: the Trainer's DetectorModel.
          converted_model: the CheckpointConverter's ConvertedModel.
          resolved_config: the ConfigValidator's ResolvedConfig.
          quarantine: ExampleGen's DataQuarantine.
          gate: JSON of GateOptions.
          evaluate: JSON of EvaluateOptions.
          baseline: directory of the published version to compare with; "" for the converted TF1 model.
          baseline_label_map: label map of the TF1 model, or "" if there is none.
          fingerprint: hash of the files that `evaluate` and `baseline_label_map` name.
        """
        spec = EvaluatorSpec(
            examples=examples,
            model=model,
            converted_model=converted_model,
            resolved_config=resolved_config,
            quarantine=quarantine,
            gate=gate,
            evaluate=evaluate,
            baseline=baseline,
            baseline_label_map=baseline_label_map,
            fingerprint=fingerprint,
            evaluation=types.Channel(type=Evaluation),
            blessing=types.Channel(type=standard_artifacts.ModelBlessing),
        )
        super().__init__(spec=spec)
