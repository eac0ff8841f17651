"""Runs the evaluation as a TFX node."""

from __future__ import annotations

import os
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.evaluator.options import EvaluateOptions, GateOptions
from components.evaluator.results import REPORT_FILE, Verdict
from components.pusher.versions import version_folder


class Executor(base_executor.BaseExecutor):
    """Compares the new model with its baseline; the blessing carries TFX's marker and custom properties."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write metrics.json and report.html, and set `blessed` to 1 or 0."""
        # here, because planning imports this module and needs no TensorFlow
        import tensorflow as tf

        from components.evaluator.compare import RunDirectories, compare

        inputs = {
            key: Path(artifact_utils.get_single_instance(artifacts).uri)
            for key, artifacts in input_dict.items()
        }
        evaluation = artifact_utils.get_single_instance(output_dict["evaluation"])
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        published = exec_properties["baseline"]
        tf1_label_map = exec_properties["baseline_label_map"]
        with version_folder(published) if published else nullcontext() as baseline:
            comparison = compare(
                RunDirectories(
                    eval_files=sorted((inputs["examples"] / "Split-eval").glob("*.tfrecord*")),
                    model=inputs["model"],
                    converted=inputs["converted_model"],
                    resolved_config=inputs["resolved_config"],
                    quarantine=inputs["quarantine"],
                ),
                GateOptions.model_validate_json(exec_properties["gate"]),
                EvaluateOptions.model_validate_json(exec_properties["evaluate"]),
                baseline,
                Path(tf1_label_map) if tf1_label_map else None,
                Path(evaluation.uri),
                detector=self._detector(),
                lineage={
                    "Run": os.environ.get("UPCYCLE_RUN_ID", ""),
                    "Evaluated": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
                    "Examples": str(inputs["examples"]),
                    "Model": str(inputs["model"]),
                    "Converted model": str(inputs["converted_model"]),
                    "Resolved config": str(inputs["resolved_config"]),
                    "Code version": exec_properties.get("code_version", ""),
                    "TensorFlow": tf.__version__,
                },
                published_place=published,
            )
        model = artifact_utils.get_single_instance(input_dict["model"])
        bless(blessing, model, comparison.verdict, comparison.baseline.saved_model)
        for line in ["blessed" if comparison.verdict.blessed else "refused", *comparison.verdict.reasons]:
            print(line)
        print(f"report: {Path(evaluation.uri) / REPORT_FILE}")

    def _detector(self) -> str:
        info = self._context.pipeline_info if self._context else None
        return info.id.removeprefix("retrain_") if info else "detector"


def bless(blessing: types.Artifact, model: types.Artifact, verdict: Verdict, baseline: str) -> None:
    """Write a verdict as TFX's own Evaluator does, so that its LatestBlessedModelStrategy finds the model.

    TFX's constants are not imported: that takes seconds (TFMA).
    """
    (Path(blessing.uri) / ("BLESSED" if verdict.blessed else "NOT_BLESSED")).touch()
    blessing.set_int_custom_property("blessed", int(verdict.blessed))
    blessing.set_string_custom_property("current_model", model.uri)
    blessing.set_int_custom_property("current_model_id", model.id)
    blessing.set_string_custom_property("baseline_model", baseline)
    blessing.set_string_custom_property("blessing_message", "\n".join(verdict.reasons))
