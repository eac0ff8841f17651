"""The CheckpointConverter's contract: a resolved config and a TF1 checkpoint in, a proved TF2 model out."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.checkpoint_converter.executor import Executor
from components.types import ConvertedModel, ResolvedConfig


class CheckpointConverterSpec(types.ComponentSpec):
    """Inputs, outputs and execution properties of CheckpointConverter."""

    PARAMETERS = {
        "checkpoint": ExecutionParameter(type=str),
        "proof_images": ExecutionParameter(type=str),
        "label_map": ExecutionParameter(type=str),
        "weights": ExecutionParameter(type=str),
        "prove": ExecutionParameter(type=int),
        "fingerprint": ExecutionParameter(type=str),
    }
    INPUTS = {"resolved_config": ChannelParameter(type=ResolvedConfig)}
    OUTPUTS = {"converted_model": ChannelParameter(type=ConvertedModel)}


class CheckpointConverter(base_component.BaseComponent):
    """Converts a TF1 detector and proves the result against the TF1 graph."""

    SPEC_CLASS = CheckpointConverterSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        resolved_config: types.BaseChannel,
        checkpoint: str,
        proof_images: str,
        label_map: str,
        weights: str,
        prove: bool,
        fingerprint: str,
    ) -> None:
        """Make the node.

        Args:
          resolved_config: the ConfigValidator's ResolvedConfig.
          checkpoint: TF1 checkpoint (prefix, folder or file of it) or frozen graph.
          proof_images: JSON list of image files; the first four count; "[]" for synthetic images.
          label_map: the checkpoint's label map, to carry class rows over by name; "" if it is not known.
          weights: "averages" or "raw" values of a training checkpoint; "config": as its eval_config says.
          prove: whether to prove the result; if not, the artifact's property `proof` is "unproved".
          fingerprint: hash of the files' contents, so that TFX's cache knows when they change.
        """
        spec = CheckpointConverterSpec(
            resolved_config=resolved_config,
            checkpoint=checkpoint,
            proof_images=proof_images,
            label_map=label_map,
            weights=weights,
            prove=int(prove),
            fingerprint=fingerprint,
            converted_model=types.Channel(type=ConvertedModel),
        )
        super().__init__(spec=spec)
