"""A sound config for the rules to break."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format

from components.config_validator.findings import Finding
from components.config_validator.rules import validate
from detection.config.label_map import LabelMap, read_label_map
from detection.config.pipeline_config import format_pipeline_config, read_pipeline_config

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def config() -> Any:
    """The demo's config: no rule has anything to say about it."""
    return read_pipeline_config(ROOT / "detectors/demo/pipeline.config")


@pytest.fixture
def label_map() -> LabelMap:
    """stop, yield, speed_limit, priority_road."""
    return read_label_map(ROOT / "detectors/demo/label_map.pbtxt")


@pytest.fixture
def findings_of() -> Callable[..., list[Finding]]:
    """Validates a config, after merging text into it."""

    def run(config: Any, text: str = "", **facts: Any) -> list[Finding]:
        text_format.Merge(text, config)
        return validate(config, format_pipeline_config(config), "p.config", **facts)

    return run
