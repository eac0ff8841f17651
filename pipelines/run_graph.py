"""What a run's nodes read and made, from ML Metadata and the plan: boxes, arrows, and facts of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from components.pusher.manifest import MANIFEST_FILE
from pipelines.metadata import connection_config
from pipelines.node import NodeResult, custom_properties, read_result
from pipelines.nodes import NODES, READS
from pipelines.plan import Plan

Kind = Literal["input", "artifact", "node", "version"]
# The picture has one box for what belongs together.
_GROUPS = {
    "data set": ("train", "eval", "test", "label_map"),
    "pipeline.config": ("pipeline_config",),
    "TF1 model": ("checkpoint", "model_label_map", "original_config"),
    "evaluation sets": ("old_eval", "slices"),
}
_ASIDE = {"statistics", "schema", "model_run", "hyper_parameters"}  # no node reads them


class Box(BaseModel):
    """One thing of a run: `facts` are shown as they are, title -> value."""

    name: str
    title: str
    kind: Kind
    note: str = ""
    facts: dict[str, str] = {}


class RunGraph(BaseModel):
    """The boxes of a run, and its arrows from box to box."""

    boxes: dict[str, Box]
    edges: list[tuple[str, str]]


def run_graph(plan: Plan) -> RunGraph:
    """The graph of a run whose nodes are done; those that are not are left out."""
    from ml_metadata import MetadataStore

    store = MetadataStore(connection_config(plan.home.metadata, plan.metadata))
    found = {node: read_result(plan, node) for node in NODES}
    results = {node: result for node, result in found.items() if result is not None}
    drawing = _Drawing()
    for node, result in results.items():
        [execution] = store.get_executions_by_id([result.execution_id])
        drawing.add(_node_box(node, result, execution))
    for title, roles in _GROUPS.items():
        readers = [n for n, reads in READS.items() if n in results and set(reads) & set(roles)]
        box = _input_box(plan, title, roles)
        if readers and box.facts:
            drawing.add(box)
            drawing.edges += [(box.name, node) for node in readers]
    if plan.baseline and "Evaluator" in results:
        drawing.add(
            Box(name="baseline", title="serving version", kind="input", facts=_version(plan.baseline))
        )
        drawing.edges.append(("baseline", "Evaluator"))
    for node, result in results.items():
        _add_artifacts(drawing, store, node, result)
    return RunGraph(boxes=drawing.boxes, edges=drawing.edges)


class _Drawing:
    """A graph that grows."""

    def __init__(self) -> None:
        self.boxes: dict[str, Box] = {}
        self.edges: list[tuple[str, str]] = []

    def add(self, box: Box) -> None:
        self.boxes.setdefault(box.name, box)


def _node_box(node: str, result: NodeResult, execution: Any) -> Box:
    facts = {
        "execution in ML Metadata": str(result.execution_id),
        "time": f"{result.seconds:.1f} s",
        **{name: _readable(value) for name, value in sorted(custom_properties(execution).items())},
    }
    aside = sorted(key.replace("_", " ") for key in result.outputs if key in _ASIDE)
    note = "from the cache" if result.cached else ", ".join(["+ " + aside[0], *aside[1:]]) if aside else ""
    return Box(name=node, title=node, kind="node", note=note, facts=facts)


def _input_box(plan: Plan, title: str, roles: tuple[str, ...]) -> Box:
    contents = plan.inputs.contents
    facts: dict[str, str] = {}
    for role in roles:
        if role in contents:
            content = contents[role]
            facts[role.replace("_", " ")] = content.path
            facts[f"{role.replace('_', ' ')}: sha256"] = content.sha256
            facts[f"{role.replace('_', ' ')}: size"] = (
                f"{content.files} file{'s' if content.files > 1 else ''}, {content.bytes:,} bytes"
            )
    return Box(name=title, title=title, kind="input", facts=facts)


def _add_artifacts(drawing: _Drawing, store: Any, node: str, result: NodeResult) -> None:
    events = store.get_events_by_execution_ids([result.execution_id])
    artifacts = {a.id: a for a in store.get_artifacts_by_id([event.artifact_id for event in events])}
    for event in sorted(events, key=lambda event: (event.artifact_id, event.type)):
        if event.type not in (event.INPUT, event.OUTPUT):
            continue
        key = event.path.steps[0].key
        name = f"artifact {event.artifact_id}"
        drawing.add(_artifact_box(store, name, key, artifacts[event.artifact_id]))
        if event.type == event.INPUT:
            drawing.edges.append((name, node))
        elif key not in _ASIDE:
            drawing.edges.append((node, name))
        if key == "pushed_model" and (published := result.properties.get(key, {})).get("pushed"):
            place = str(published["pushed_destination"])
            version = Box(
                name="version",
                title=f"version {published['version']}",
                kind="version",
                facts={"folder": place} | _version(place),
            )
            drawing.add(version)
            drawing.edges.append((name, "version"))


def _artifact_box(store: Any, name: str, key: str, artifact: Any) -> Box:
    facts = {"type": artifact.type, "artifact in ML Metadata": str(artifact.id), "folder": artifact.uri}
    facts |= {label: _readable(value) for label, value in sorted(custom_properties(artifact).items())}
    facts["made in run"] = _maker(store, artifact)
    return Box(name=name, title=key.replace("_", " "), kind="artifact", facts=facts)


def _maker(store: Any, artifact: Any) -> str:
    """The run whose node really made an artifact: a cached node only points to it."""
    events = store.get_events_by_artifact_ids([artifact.id])
    executions = [event.execution_id for event in events if event.type == event.OUTPUT]
    for context in store.get_contexts_by_execution(min(executions)) if executions else ():
        if store.get_context_types_by_id([context.type_id])[0].name == "pipeline_run":
            return str(context.name)
    return ""


def _version(place: str) -> dict[str, str]:
    """What a published version's manifest says of it."""
    file = Path(place) / MANIFEST_FILE
    if not file.is_file():
        return {"folder": place}
    manifest = json.loads(file.read_text(encoding="utf-8"))
    facts = {"folder": place, "version": str(manifest["version"]), "sha256": manifest["content_hash"]}
    return facts | {"run": manifest["run_id"], "published": manifest["created"]}


def _readable(value: str | int | float) -> str:
    """A property as text; JSON with its keys on lines of their own."""
    text = str(value)
    try:
        found = json.loads(text) if text[:1] in "{[" else None
    except ValueError:
        found = None
    if not found:
        return text
    if isinstance(found, dict):
        return "\n".join(f"{key}: {item}" for key, item in found.items() if item not in (None, [], {}))
    return "\n".join(map(str, found))
