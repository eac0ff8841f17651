"""The retraining pipeline of TFX for one plan, compiled to TFX's intermediate representation (IR)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from pydantic import BaseModel

from pipelines.fingerprint import code_version, fingerprint
from pipelines.inputs import READS, Inputs
from pipelines.spec import DetectorSpec
from pipelines.tfx_import import import_tfx

NODES = ("ExampleGen", "ConfigValidator", "CheckpointConverter", "Trainer", "Evaluator", "Pusher")
CODE_VERSION = "code_version"
# Those fields of `train` that have a counterpart in pipeline.config.
OVERRIDES = {"steps", "batch_size", "learning_rate", "warmup_steps", "optimizer", "schedule"}


class Recipe(BaseModel):
    """All that the IR depends on. `fingerprint` covers all inputs and code: if equal, so are the results.

    `baseline` is the directory of the version to compare with, or "" for the converted TF1 model;
    `previous_statistics` is the quarantine folder of the data before, where the YAML asks for drift;
    `triggered` names the settings of `train` that the trigger changed, and `uncached` the nodes that run
    whatever the cache holds.
    """

    run_id: str
    spec: DetectorSpec
    inputs: Inputs
    fingerprint: str
    code_versions: dict[str, str]
    baseline: str
    previous_statistics: str = ""
    triggered: list[str] = []
    destination: str
    pipeline_root: str
    uncached: list[str]


def compile_ir(recipe: Recipe) -> str:
    """The pipeline's IR as JSON: the nodes' order, properties and cache settings, the run's id filled in."""
    import_tfx()
    from tfx.dsl.compiler import compiler, constants
    from tfx.orchestration import pipeline
    from tfx.orchestration.portable import runtime_parameter_utils

    dsl = pipeline.Pipeline(
        pipeline_name=f"retrain_{recipe.spec.name}",
        pipeline_root=recipe.pipeline_root,
        components=_components(recipe),
        enable_cache=True,
    )
    ir = compiler.Compiler().compile(dsl)
    runtime_parameter_utils.substitute_runtime_parameter(
        ir, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: recipe.run_id}
    )
    for node in (entry.pipeline_node for entry in ir.nodes):
        name = node.node_info.id
        # An execution property beside the component's own: new code never meets an old result in the cache.
        node.parameters.parameters[CODE_VERSION].field_value.string_value = recipe.code_versions[name]
        if name in recipe.uncached:
            node.execution_options.caching_options.enable_cache = False
    return json_format.MessageToJson(ir, preserving_proto_field_name=True, sort_keys=True)


def code_versions() -> dict[str, str]:
    """The code version of every node."""
    return {node: code_version(node) for node in NODES}


def data_fingerprint(inputs: Inputs) -> str:
    """The hash of all that ExampleGen reads."""
    contents = inputs.contents
    return fingerprint(
        train=contents["train"],
        eval=contents.get("eval"),
        test=contents.get("test"),
        label_map=contents["label_map"],
    )


def manifest_facts(recipe: Recipe) -> dict[str, Any]:
    """What a published version says about its inputs: equal for equal inputs, nothing of the run itself."""
    contents = recipe.inputs.contents
    roles = ("train", "eval", "test", "label_map")
    data = {role: contents[role].identity() for role in roles if role in contents}
    return {
        "data": data,
        "pipeline_config": contents["pipeline_config"].identity(),
        "checkpoint": contents["checkpoint"].identity(),
        "code_version": recipe.code_versions,
    }


def _components(recipe: Recipe) -> list[Any]:
    from components.checkpoint_converter.component import CheckpointConverter
    from components.config_validator.component import ConfigValidator
    from components.evaluator.component import Evaluator
    from components.example_gen.component import ExampleGen
    from components.pusher.component import Pusher
    from components.trainer.component import Trainer

    spec, inputs = recipe.spec, recipe.inputs
    contents = inputs.contents
    examples = ExampleGen(
        data=inputs.data.model_dump_json(),
        label_map=inputs.data.label_map,
        fingerprint=data_fingerprint(inputs),
        previous_statistics=recipe.previous_statistics,
    )
    overrides = spec.train.model_dump(include=OVERRIDES, exclude_none=True)
    config = ConfigValidator(
        pipeline_config=spec.model.pipeline_config,
        label_map=inputs.data.label_map,
        overrides=json.dumps(overrides, sort_keys=True),
        data=inputs.data.model_dump_json(),
        checkpoint=inputs.checkpoint,
        allow=json.dumps(sorted(spec.model.allow)),
        fingerprint=fingerprint(
            **{role: contents[role] for role in READS["ConfigValidator"] if role in contents}
        ),
    )
    resolved_config = config.outputs["resolved_config"]
    converter = CheckpointConverter(
        resolved_config=resolved_config,
        checkpoint=inputs.checkpoint,
        proof_images=json.dumps(inputs.proof_images),
        label_map=spec.model.label_map or "",
        weights=spec.model.weights,
        prove=spec.model.prove,
        fingerprint=fingerprint(
            checkpoint=contents["checkpoint"],
            model_label_map=contents.get("model_label_map"),
            proof_images=inputs.proof_sha256,
        ),
    )
    trainer = Trainer(
        examples=examples.outputs["examples"],
        resolved_config=resolved_config,
        converted_model=converter.outputs["converted_model"],
        train=spec.train.model_dump_json(),
        export=spec.export.model_dump_json(),
        triggered=json.dumps(recipe.triggered),
    )
    evaluator = Evaluator(
        examples=examples.outputs["examples"],
        model=trainer.outputs["model"],
        converted_model=converter.outputs["converted_model"],
        resolved_config=resolved_config,
        quarantine=examples.outputs["quarantine"],
        gate=spec.gate.model_dump_json(),
        evaluate=spec.evaluate.model_dump_json(),
        baseline=recipe.baseline,
        baseline_label_map=spec.model.label_map or "",
        fingerprint=fingerprint(**{role: contents.get(role) for role in READS["Evaluator"]}),
    )
    pusher = Pusher(
        model=trainer.outputs["model"],
        blessing=evaluator.outputs["blessing"],
        evaluation=evaluator.outputs["evaluation"],
        destination=recipe.destination,
        keep_versions=spec.publish.keep_versions or 0,
        manifest=json.dumps(
            {
                "detector": spec.name,
                "fingerprint": recipe.fingerprint,
                "baseline": recipe.baseline,
                "facts": manifest_facts(recipe),
            },
            sort_keys=True,
        ),
    )
    return [examples, config, converter, trainer, evaluator, pusher]


def read_ir(path: Path) -> Any:
    """The IR of a plan as TFX's pipeline_pb2.Pipeline."""
    import_tfx()
    from tfx.proto.orchestration import executable_spec_pb2, pipeline_pb2  # noqa: F401 (types inside Any)

    message: Any = pipeline_pb2
    return json_format.Parse(path.read_text(encoding="utf-8"), message.Pipeline())
