"""ConfigValidator, the node that checks pipeline.config before anything expensive runs."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.config_validator.executor import Executor
from components.types import ResolvedConfig


class ConfigValidatorSpec(types.ComponentSpec):
    """What goes in and comes out of ConfigValidator."""

    PARAMETERS = {
        "pipeline_config": ExecutionParameter(type=str),
        "label_map": ExecutionParameter(type=str),
        "overrides": ExecutionParameter(type=str),
        "data": ExecutionParameter(type=str),
        "checkpoint": ExecutionParameter(type=str),
        "allow": ExecutionParameter(type=str),
        "tflite": ExecutionParameter(type=str),
        "fingerprint": ExecutionParameter(type=str),
    }
    INPUTS: dict[str, ChannelParameter] = {}
    OUTPUTS = {"resolved_config": ChannelParameter(type=ResolvedConfig)}


class ConfigValidator(base_component.BaseComponent):
    """pipeline.config -> the config the run uses: overrides and safe fixes made, findings beside it."""

    SPEC_CLASS = ConfigValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        pipeline_config: str,
        label_map: str,
        overrides: str,
        data: str,
        checkpoint: str,
        allow: str,
        tflite: str,
        fingerprint: str,
    ) -> None:
        """Declares the node.

        Args:
          pipeline_config: path of the TF1 pipeline.config.
          label_map: path of the label map of the classes to learn.
          overrides: JSON of steps, batch_size, learning_rate; null keeps what the config says.
          data: JSON of ExampleGen's options; the annotations are read, no image is opened.
          checkpoint: path of the TF1 model; its table of variables is read, and the config beside it.
          allow: JSON list of the codes to do nothing about.
          tflite: JSON list of the TFLite models that the Trainer is to export.
          fingerprint: hash of the contents of all these; it makes TFX's cache see a change inside them.
        """
        super().__init__(
            spec=ConfigValidatorSpec(
                pipeline_config=pipeline_config,
                label_map=label_map,
                overrides=overrides,
                data=data,
                checkpoint=checkpoint,
                allow=allow,
                tflite=tflite,
                fingerprint=fingerprint,
                resolved_config=types.Channel(type=ResolvedConfig),
            )
        )
