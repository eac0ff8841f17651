"""Runs the conversion as a TFX node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.checkpoint_converter.convert import convert
from detection.config.pipeline_config import read_pipeline_config


class Executor(base_executor.BaseExecutor):
    """Converts and records the proof's numbers on `converted_model`."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Convert; sets custom properties architecture, variables_{loaded,total} and max_difference_raw."""
        resolved = artifact_utils.get_single_instance(input_dict["resolved_config"])
        converted = artifact_utils.get_single_instance(output_dict["converted_model"])
        report = convert(
            read_pipeline_config(Path(resolved.uri) / "pipeline.config"),
            Path(exec_properties["checkpoint"]),
            Path(converted.uri),
            [Path(path) for path in json.loads(exec_properties["proof_images"])],
        )
        converted.set_string_custom_property("architecture", report.architecture)
        converted.set_int_custom_property("variables_loaded", report.variables_loaded)
        converted.set_int_custom_property("variables_total", report.variables_total)
        converted.set_float_custom_property("max_difference_raw", report.proof.max_difference_raw)
        print(
            f"converted {report.architecture}: {report.variables_loaded} of {report.variables_total} "
            "variables, "
            f"raw outputs within {report.proof.max_difference_raw:.1e} of the TF1 graph on "
            f"{report.proof.images} "
            f"images, {report.seconds:.0f} s"
        )
