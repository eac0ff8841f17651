"""pipeline.config: the file that describes a detector, how it was trained, and on what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from detection.config import protos
from detection.config.text_fault import TextFault
from detection.config.text_files import read_text, write_text
from detection.config.text_proto import parse_text
from detection.config.upgrades import Upgrade, upgrade

KIND = "pipeline.config"


@dataclass(frozen=True)
class ParsedConfig:
    """A config, and its text with old fields upgraded: comments and order kept, it parses to `config`."""

    config: Any
    text: str
    upgrades: tuple[Upgrade, ...] = ()


def parse_config(text: str, source: str) -> ParsedConfig:
    """The TrainEvalPipelineConfig in `text`, fields of older versions carried over.

    `source` is the file name for errors. Raises TextFault with `source:line:column` for text that doesn't
    parse, and where there is no model in it.
    """
    message = protos.TrainEvalPipelineConfig()
    upgraded = upgrade(text, message.DESCRIPTOR)
    config = parse_text(upgraded.in_lines, message, source, KIND)
    if config.model.WhichOneof("model") is None:
        raise TextFault(
            "TXT014",
            f"{KIND} has no model",
            source,
            "add model { ssd { ... } }, or name the right file",
        )
    return ParsedConfig(config, upgraded.text, upgraded.upgrades)


def read_config(path: Path) -> ParsedConfig:
    """The config in the file, as `parse_config` gives it; TextFault if it can't be read or parsed."""
    return parse_config(read_text(path, KIND), str(path))


def parse_pipeline_config(text: str, source: str) -> Any:
    """The TrainEvalPipelineConfig proto of `parse_config`."""
    return parse_config(text, source).config


def read_pipeline_config(path: Path) -> Any:
    """The TrainEvalPipelineConfig proto of `read_config`."""
    return read_config(path).config


def format_pipeline_config(config: Any) -> str:
    """The proto as text that `parse_pipeline_config` reads back to an equal proto."""
    return text_format.MessageToString(config)


def write_pipeline_config(config: Any, path: Path) -> None:
    """Writes the proto as text, atomically."""
    write_text(format_pipeline_config(config), path)
