"""What ConfigValidator does when it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.config_validator.overrides import parse_overrides
from components.config_validator.resolve import resolve


class Executor(base_executor.BaseExecutor):
    """Checks the config and writes the resolved one; see resolve.py."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Fills `resolved_config`; raises BadInput as `resolve` does, and for data or a checkpoint unread."""
        # here, because planning imports this module and reads neither
        from components.config_validator.checkpoint_facts import read_checkpoint_facts
        from components.config_validator.data_facts import facts_of
        from components.example_gen.read import read_dataset
        from components.example_gen.records import as_options

        options = as_options(json.loads(exec_properties["data"]))
        output = artifact_utils.get_single_instance(output_dict["resolved_config"])
        resolved = resolve(
            Path(exec_properties["pipeline_config"]),
            Path(exec_properties["label_map"]),
            parse_overrides(exec_properties["overrides"]),
            Path(output.uri),
            data=facts_of(read_dataset(options), options.place("train"), options.fix_case),
            checkpoint=read_checkpoint_facts(Path(exec_properties["checkpoint"])),
            allow=json.loads(exec_properties["allow"]),
            tflite=bool(json.loads(exec_properties["tflite"])),
        )
        for finding in resolved.findings:
            print(finding, flush=True)
        output.set_int_custom_property("findings", len(resolved.findings))
        output.set_int_custom_property("safe_fixes", sum(finding.is_fixed for finding in resolved.findings))
        allowed = {finding.code for finding in resolved.findings if finding.allowed}
        if allowed:
            output.set_string_custom_property("allowed", ",".join(sorted(allowed)))
