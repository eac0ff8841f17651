"""What ExampleGen does when it runs."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from detection.config.label_map import read_label_map

# Where Beam works, not what it writes: so it comes from the environment, and the cache doesn't see it.
BEAM_ARGS = "UPCYCLE_BEAM_ARGS"


class Executor(base_executor.BaseExecutor):
    """Reads, checks and writes the data set; see ingest.py."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Fills the four outputs; raises BadInput or Failed as `ingest` does."""
        # here, because planning imports this module and needs neither Beam nor TensorFlow
        from components.example_gen.ingest import Outputs, ingest
        from components.example_gen.read import resolve

        outputs = {
            name: artifact_utils.get_single_instance(artifacts) for name, artifacts in output_dict.items()
        }
        options = resolve(json.loads(exec_properties["data"]))
        statistics = ingest(
            options,
            read_label_map(Path(exec_properties["label_map"])),
            Outputs(**{name: artifact.uri for name, artifact in outputs.items()}),
            exec_properties["previous_statistics"],
            shlex.split(os.environ.get(BEAM_ARGS, "")),
        )
        splits = artifact_utils.encode_split_names(list(options.splits))
        outputs["examples"].split_names = splits
        outputs["examples"].set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
        outputs["statistics"].split_names = splits
        quarantine = outputs["quarantine"]
        quarantine.set_int_custom_property("images_quarantined", statistics.images_quarantined)
        quarantine.set_int_custom_property("images_written", statistics.images_written)
        print(
            f"{statistics.images_written} images and {statistics.boxes_written} boxes written; "
            f"{statistics.images_quarantined} images and {statistics.boxes_quarantined} boxes set aside",
            flush=True,
        )
        for finding in statistics.drift:
            print(f"warning: {finding.text()}", flush=True)
