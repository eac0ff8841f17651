"""The Pusher's contract: a model and its verdict in, a published version out."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.pusher.executor import Executor
from components.types import DetectorModel, Evaluation


class PusherSpec(types.ComponentSpec):
    """Inputs, outputs and execution properties of Pusher."""

    PARAMETERS = {
        "destination": ExecutionParameter(type=str),
        "manifest": ExecutionParameter(type=str),
        "keep_versions": ExecutionParameter(type=int),
        "publish_anyway": ExecutionParameter(type=str),
    }
    INPUTS = {
        "model": ChannelParameter(type=DetectorModel),
        "blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
        "evaluation": ChannelParameter(type=Evaluation),
    }
    OUTPUTS = {"pushed_model": ChannelParameter(type=standard_artifacts.PushedModel)}


class Pusher(base_component.BaseComponent):
    """Publishes a blessed model, or one that a person wants published; else serving is left untouched."""

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        blessing: types.BaseChannel,
        evaluation: types.BaseChannel,
        destination: str,
        manifest: str,
        keep_versions: int,
        publish_anyway: str = "",
    ) -> None:
        """Make the node.

        Args:
          model: the Trainer's DetectorModel.
          blessing: the Evaluator's ModelBlessing.
          evaluation: the Evaluator's Evaluation; its metrics go into the manifest.
          destination: the serving directory, or an address in an object store (s3://, gs://).
          manifest: JSON of detector, fingerprint, baseline and facts.
          keep_versions: how many published versions stay; 0: all.
          publish_anyway: a person's reason to publish a model that is not blessed; "": it isn't published.
        """
        spec = PusherSpec(
            model=model,
            blessing=blessing,
            evaluation=evaluation,
            destination=destination,
            manifest=manifest,
            keep_versions=keep_versions,
            publish_anyway=publish_anyway,
            pushed_model=types.Channel(type=standard_artifacts.PushedModel),
        )
        super().__init__(spec=spec)
