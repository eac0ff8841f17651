"""Two tiny TFX components for tests of the machinery: real launcher, real metadata, no TensorFlow."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from detection.errors import BadInput, Failed


class _Executor(base_executor.BaseExecutor):
    def Do(self, input_dict: Any, output_dict: Any, exec_properties: Any) -> None:  # noqa: N802
        """Write the text; misbehave as the environment variable TINY says."""
        [output] = next(iter(output_dict.values()))
        before = sorted(path.name for path in Path(output.uri).iterdir())
        (Path(output.uri) / "half.txt").write_text("half")
        behaviour = os.environ.get("TINY", "")
        if behaviour == "bad":
            raise BadInput("the picture is torn", "cat.jpg", "take another one")
        if behaviour == "wrapped":
            try:
                raise Failed("the proof failed", "box_head", "keep the model's config")
            except Failed as error:
                raise RuntimeError("Beam: a worker failed") from error
        if behaviour == "defect":
            raise ZeroDivisionError("a defect")
        if behaviour == "hang":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
            print(f"hanging {child.pid}", flush=True)
            time.sleep(60)
        if behaviour == "keras":
            importlib.import_module("keras")
            print("imported", *sorted(name for name in sys.modules if "." not in name), flush=True)
        (Path(output.uri) / "half.txt").unlink()
        (Path(output.uri) / "text.txt").write_text(f"{exec_properties['text']} {before}")
        output.set_string_custom_property("run", os.environ["UPCYCLE_RUN_ID"])
        if "pushed_model" in output_dict:
            output.set_int_custom_property("pushed", 0)


class SourceSpec(types.ComponentSpec):
    """A node without inputs."""

    PARAMETERS = {"text": ExecutionParameter(type=str)}
    INPUTS: dict[str, Any] = {}
    OUTPUTS = {"examples": ChannelParameter(type=standard_artifacts.Examples)}


class ExampleGen(base_component.BaseComponent):
    """Named as the real first node, so that the plan's inputs belong to it."""

    SPEC_CLASS = SourceSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(_Executor)

    def __init__(self, text: str) -> None:
        examples = types.Channel(type=standard_artifacts.Examples)
        super().__init__(spec=SourceSpec(text=text, examples=examples))


class SinkSpec(types.ComponentSpec):
    """A node with an input."""

    PARAMETERS = {"text": ExecutionParameter(type=str)}
    INPUTS = {"examples": ChannelParameter(type=standard_artifacts.Examples)}
    OUTPUTS = {"pushed_model": ChannelParameter(type=standard_artifacts.PushedModel)}


class Pusher(base_component.BaseComponent):
    """Never pushes: says pushed=0."""

    SPEC_CLASS = SinkSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(_Executor)

    def __init__(self, text: str, examples: types.BaseChannel) -> None:
        pushed = types.Channel(type=standard_artifacts.PushedModel)
        super().__init__(spec=SinkSpec(text=text, examples=examples, pushed_model=pushed))


def tiny_components(text: str) -> list[Any]:
    """The two nodes of the tiny pipeline."""
    source = ExampleGen(text=text)
    return [source, Pusher(text=text, examples=source.outputs["examples"])]
