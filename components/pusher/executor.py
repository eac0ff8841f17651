"""Runs publishing as a TFX node."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.evaluator.results import read_comparison
from components.evaluator.smoke_test import read_smoke_test
from components.pusher.durable import write_file
from components.pusher.history import actor
from components.pusher.manifest import MANIFEST_FILE, manifest_bytes
from components.pusher.publish import publish
from detection.errors import BadInput

RUN_ID_VARIABLE = "UPCYCLE_RUN_ID"


class Executor(base_executor.BaseExecutor):
    """Publishes when the blessing or a person says so, and records the version on `pushed_model`."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Publish; sets the custom properties pushed (0 or 1), version and pushed_destination.

        A model that is not blessed is published for the reason in `publish_anyway` alone. The blessing stays
        as it is; pushed_anyway and pushed_by say why and who. Nothing else is left out for it.
        """
        pushed = artifact_utils.get_single_instance(output_dict["pushed_model"])
        blessing = artifact_utils.get_single_instance(input_dict["blessing"])
        blessed = blessing.get_int_custom_property("blessed") == 1
        anyway = "" if blessed else exec_properties["publish_anyway"].strip()
        if not blessed and not anyway:
            pushed.set_int_custom_property("pushed", 0)
            print("not published: the evaluation did not bless this model; serving is unchanged")
            return
        # here, because planning and a Pusher that publishes nothing need no TensorFlow
        from components.pusher.verify import verify_detections
        from components.pusher.warmup import warmup_requests

        evaluation = artifact_utils.get_single_instance(input_dict["evaluation"])
        comparison = read_comparison(Path(evaluation.uri))
        manifest = json.loads(exec_properties["manifest"])
        manifest["run_id"] = _run_id()
        manifest["facts"] = {**manifest.get("facts", {}), "metrics": comparison.facts()}
        if anyway:
            manifest["facts"]["published_anyway"] = {"reason": anyway, "who": actor()}
        model = artifact_utils.get_single_instance(input_dict["model"])
        test = read_smoke_test(Path(evaluation.uri))
        version = publish(
            Path(model.uri),
            exec_properties["destination"],
            manifest,
            warmup=warmup_requests(test.image, manifest["detector"]),
            verify=lambda copy: verify_detections(copy, test),
            keep_versions=exec_properties["keep_versions"] or None,
            why="; ".join(comparison.verdict.reasons),
            anyway=anyway,
        )
        write_file(Path(pushed.uri) / MANIFEST_FILE, manifest_bytes(version.manifest))
        pushed.set_int_custom_property("pushed", 1)
        pushed.set_int_custom_property("version", version.number)
        pushed.set_string_custom_property("pushed_destination", version.address)
        if anyway:
            pushed.set_string_custom_property("pushed_anyway", anyway)
            pushed.set_string_custom_property("pushed_by", actor())
            print(f"not blessed, published anyway by {actor()}: {anyway}")
        print(f"published version {version.number} in {version.address}")


def _run_id() -> str:
    """Return the run that publishes; from the environment, since a property would break caching."""
    run_id = os.environ.get(RUN_ID_VARIABLE, "")
    if not run_id:
        raise BadInput(
            f"the environment variable {RUN_ID_VARIABLE} is not set",
            "the process that runs the Pusher",
            "start the node through pipelines.run_node or pipelines.run_local, which set it",
        )
    return run_id
