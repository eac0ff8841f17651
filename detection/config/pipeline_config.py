"""pipeline.config: the file that describes a detector, how it was trained, and on what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import text_format

from detection.config import protos
from detection.config.text_files import read_text, write_text
from detection.config.text_proto import parse_text
from detection.errors import BadInput

KIND = "pipeline.config"


def parse_pipeline_config(text: str, source: str) -> Any:
    """The TrainEvalPipelineConfig proto in `text`.

    `source` is the file name for errors. Raises BadInput with `source:line:column` for text that doesn't
    parse, and where there is no model in it.
    """
    config = parse_text(text, protos.TrainEvalPipelineConfig(), source, KIND)
    if config.model.WhichOneof("model") is None:
        raise BadInput(
            "pipeline.config has no model", source, "add model { ssd { ... } }, or name the right file"
        )
    return config


def read_pipeline_config(path: Path) -> Any:
    """The TrainEvalPipelineConfig proto in the file; BadInput if it can't be read or parsed."""
    return parse_pipeline_config(read_text(path, KIND), str(path))


def format_pipeline_config(config: Any) -> str:
    """The proto as text that `parse_pipeline_config` reads back to an equal proto."""
    return text_format.MessageToString(config)


def write_pipeline_config(config: Any, path: Path) -> None:
    """Writes the proto as text, atomically."""
    write_text(format_pipeline_config(config), path)
