"""ExampleGen, the node that turns labelled pictures into checked TFRecords."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.example_gen.executor import Executor
from components.types import DataQuarantine


class ExampleGenSpec(types.ComponentSpec):
    """What goes in and comes out of ExampleGen."""

    PARAMETERS = {
        "data": ExecutionParameter(type=str),
        "label_map": ExecutionParameter(type=str),
        "fingerprint": ExecutionParameter(type=str),
        "previous_statistics": ExecutionParameter(type=str),
    }
    INPUTS: dict[str, ChannelParameter] = {}
    OUTPUTS = {
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "quarantine": ChannelParameter(type=DataQuarantine),
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "schema": ChannelParameter(type=standard_artifacts.Schema),
    }


class ExampleGen(base_component.BaseComponent):
    """Labelled pictures -> sharded TFRecords of two or three splits, statistics, and all that was set aside.

    Beam runs inside this process, unless the environment variable UPCYCLE_BEAM_ARGS names another runner.
    """

    SPEC_CLASS = ExampleGenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, data: str, label_map: str, fingerprint: str, previous_statistics: str = "") -> None:
        """Declares the node.

        Args:
          data: DataOptions as JSON, with absolute paths.
          label_map: path of the label map.
          fingerprint: hash of the input files' contents; it makes TFX's cache see a change inside them.
          previous_statistics: the quarantine folder of the span before, to compare with where `data` asks
            for drift; "" if there is none.
        """
        super().__init__(
            spec=ExampleGenSpec(
                data=data,
                label_map=label_map,
                fingerprint=fingerprint,
                previous_statistics=previous_statistics,
                examples=types.Channel(type=standard_artifacts.Examples),
                quarantine=types.Channel(type=DataQuarantine),
                statistics=types.Channel(type=standard_artifacts.ExampleStatistics),
                schema=types.Channel(type=standard_artifacts.Schema),
            )
        )
