"""The retraining pipeline of TFX for one plan, compiled to TFX's intermediate representation (IR)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from pydantic import BaseModel

from pipelines.evaluated_model import EvaluatedModel
from pipelines.fingerprint import code_version, fingerprint
from pipelines.inputs import Inputs
from pipelines.nodes import NODES, READS
from pipelines.overrides import Only
from pipelines.spec import DetectorSpec
from pipelines.tfx_import import import_tfx

# What is left of them in a run that only evaluates or only converts.
_NODES_OF: dict[Only, tuple[str, ...]] = {
    "evaluate": ("ExampleGen", "ConfigValidator", "CheckpointConverter", "Evaluator"),
    "convert": ("ConfigValidator", "CheckpointConverter"),
}
EVALUATED_MODEL = "EvaluatedModel"  # TFX's Importer of the model that a run which only evaluates measures
CODE_VERSION = "code_version"
# Those fields of `train` that have a counterpart in pipeline.config.
OVERRIDES = {"steps", "batch_size", "learning_rate", "warmup_steps", "optimizer", "schedule"}


class Recipe(BaseModel):
    """All that the IR depends on. `fingerprint` covers all inputs and code: if equal, so are the results.

    `baseline` is the directory of the version to compare with, or "" for the converted TF1 model;
    `previous_statistics` is the quarantine folder of the data before, where the YAML asks for drift;
    `triggered` names the settings of `train` that the trigger changed, and `uncached` the nodes that run
    whatever the cache holds. `only` leaves nodes out; then `evaluated` is the model to measure, if any.
    `publish_anyway` is a person's reason to publish a model that the gate refuses, or "".
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
    only: Only | None = None
    evaluated: EvaluatedModel | None = None
    publish_anyway: str = ""

    @property
    def nodes(self) -> list[str]:
        """The nodes of this run, in order."""
        return list(NODES if self.only is None else _NODES_OF[self.only])

    @property
    def left_out(self) -> list[str]:
        """The nodes that other runs have and this one leaves out."""
        return [node for node in NODES if node not in self.nodes]


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
        if name == EVALUATED_MODEL:
            continue
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
    examples, config, converter = _preparation(recipe)
    if recipe.only == "convert":
        return [config, converter]
    prepared = [examples, config, converter]
    if recipe.evaluated is not None:
        from tfx.dsl.components.common.importer import Importer

        from components.types import DetectorModel

        # Known to ML Metadata by its folder, so it stays the artifact that its training made.
        source = Importer(source_uri=recipe.evaluated.uri, artifact_type=DetectorModel)
        source = source.with_id(EVALUATED_MODEL)
        return [*prepared, source, _evaluator(recipe, source.outputs["result"], *prepared)]
    trainer = _trainer(recipe, *prepared)
    evaluator = _evaluator(recipe, trainer.outputs["model"], *prepared)
    return [*prepared, trainer, evaluator, _pusher(recipe, trainer, evaluator)]


def _preparation(recipe: Recipe) -> tuple[Any, Any, Any]:
    from components.checkpoint_converter.component import CheckpointConverter
    from components.config_validator.component import ConfigValidator
    from components.example_gen.component import ExampleGen

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
        tflite=json.dumps(spec.export.tflite),
        fingerprint=fingerprint(
            **{role: contents[role] for role in READS["ConfigValidator"] if role in contents}
        ),
    )
    converter = CheckpointConverter(
        resolved_config=config.outputs["resolved_config"],
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
    return examples, config, converter


def _trainer(recipe: Recipe, examples: Any, config: Any, converter: Any) -> Any:
    from components.trainer.component import Trainer

    return Trainer(
        examples=examples.outputs["examples"],
        resolved_config=config.outputs["resolved_config"],
        converted_model=converter.outputs["converted_model"],
        train=recipe.spec.train.model_dump_json(),
        export=recipe.spec.export.model_dump_json(),
        triggered=json.dumps(recipe.triggered),
    )


def _evaluator(recipe: Recipe, model: Any, examples: Any, config: Any, converter: Any) -> Any:
    from components.evaluator.component import Evaluator

    spec, contents = recipe.spec, recipe.inputs.contents
    return Evaluator(
        examples=examples.outputs["examples"],
        model=model,
        converted_model=converter.outputs["converted_model"],
        resolved_config=config.outputs["resolved_config"],
        quarantine=examples.outputs["quarantine"],
        gate=spec.gate.model_dump_json(),
        evaluate=spec.evaluate.model_dump_json(),
        baseline=recipe.baseline,
        baseline_label_map=spec.model.label_map or "",
        fingerprint=fingerprint(**{role: contents.get(role) for role in READS["Evaluator"]}),
    )


def _pusher(recipe: Recipe, trainer: Any, evaluator: Any) -> Any:
    from components.pusher.component import Pusher

    return Pusher(
        model=trainer.outputs["model"],
        blessing=evaluator.outputs["blessing"],
        evaluation=evaluator.outputs["evaluation"],
        destination=recipe.destination,
        keep_versions=recipe.spec.publish.keep_versions or 0,
        publish_anyway=recipe.publish_anyway,
        manifest=json.dumps(
            {
                "detector": recipe.spec.name,
                "fingerprint": recipe.fingerprint,
                "baseline": recipe.baseline,
                "facts": manifest_facts(recipe),
            },
            sort_keys=True,
        ),
    )


def read_ir(path: Path) -> Any:
    """The IR of a plan as TFX's pipeline_pb2.Pipeline."""
    import_tfx()
    from tfx.proto.orchestration import executable_spec_pb2, pipeline_pb2  # noqa: F401 (types inside Any)

    message: Any = pipeline_pb2
    return json_format.Parse(path.read_text(encoding="utf-8"), message.Pipeline())
