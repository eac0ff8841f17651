"""Runs the conversion as a TFX node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from detection.config.label_map import read_label_map
from detection.config.pipeline_config import read_pipeline_config


class Executor(base_executor.BaseExecutor):
    """Converts and records the proof's numbers on `converted_model`."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Convert; sets what can be asked in ML Metadata.

        Custom properties of `converted_model`: architecture, variables_{loaded,total}, class_rows_carried,
        and `proof`: "passed" with max_difference_raw, or "unproved".
        """
        # here, because planning imports this module and needs no TensorFlow
        from components.checkpoint_converter.convert import Options, convert

        resolved = artifact_utils.get_single_instance(input_dict["resolved_config"])
        config = read_pipeline_config(Path(resolved.uri) / "pipeline.config")
        old_label_map = exec_properties["label_map"]
        converted = artifact_utils.get_single_instance(output_dict["converted_model"])
        report = convert(
            config,
            Path(exec_properties["checkpoint"]),
            Path(converted.uri),
            [Path(path) for path in json.loads(exec_properties["proof_images"])],
            Options(
                num_classes=getattr(config.model, config.model.WhichOneof("model")).num_classes,
                label_map=read_label_map(Path(resolved.uri) / "label_map.pbtxt"),
                old_label_map=read_label_map(Path(old_label_map)) if old_label_map else None,
                weights=exec_properties["weights"],
                proof=bool(exec_properties["prove"]),
            ),
        )
        converted.set_string_custom_property("architecture", report.architecture)
        converted.set_int_custom_property("variables_loaded", report.variables_loaded)
        converted.set_int_custom_property("variables_total", report.variables_total)
        converted.set_int_custom_property("class_rows_carried", report.class_head.carried)
        proof = report.proof
        converted.set_string_custom_property("proof", "passed" if proof else "unproved")
        if proof:
            converted.set_float_custom_property("max_difference_raw", proof.max_difference_raw)
        shown = (
            f"raw outputs within {proof.max_difference_raw:.1e} of the TF1 graph on {proof.images} images"
            if proof
            else "UNPROVED"
        )
        print(
            f"converted {report.architecture}: {report.variables_loaded} of {report.variables_total} "
            f"variables, {shown}, {report.seconds:.0f} s"
        )
        print(report.class_head.describe())
