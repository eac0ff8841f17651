"""What made a published version: from its manifest, through ML Metadata, back to every input."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from components.pusher.destination import open_destination
from components.pusher.manifest import MANIFEST_FILE
from components.pusher.versions import Version, live_number, live_version, version_at
from detection.errors import BadInput
from pipelines.home import DetectorHome, upcycle_home
from pipelines.metadata import connection_config, metadata_address
from pipelines.run_local import latest_plan


class Input(BaseModel):
    """A file or directory that a run read, with its content's hash."""

    path: str
    sha256: str
    files: int
    bytes: int


class Step(BaseModel):
    """An execution in ML Metadata that led to the version; `run_id` is the run that really executed it."""

    node: str
    execution_id: int
    run_id: str
    finished: str
    code_version: str
    inputs: dict[str, str]
    outputs: dict[str, str]


class Lineage(BaseModel):
    """A version's whole ancestry.

    `inputs` has train, eval, label_map, pipeline_config, checkpoint and model_label_map, as far as there are.
    `proof` says whether the conversion from TF1 was proved: "passed", "unproved", or "" if it isn't recorded.
    `allowed` are the codes of the findings about pipeline.config that stopped nothing on somebody's word.
    """

    detector: str
    version: int
    path: str
    live: bool
    run_id: str
    created: str
    content_hash: str
    fingerprint: str
    baseline: str
    metrics: dict[str, Any]
    training: dict[str, Any]
    proof: str
    allowed: list[str]
    inputs: dict[str, Input]
    steps: list[Step]
    metadata: str


def find_version(what: str) -> Version:
    """The version that `what` means: its directory or address, DETECTOR (the live one), DETECTOR/N, or N.

    A number alone needs a home with one detector in it. Raises BadInput naming what there is.
    """
    found = version_at(what)
    if found is not None:
        return found
    name, _, number = what.rpartition("/") if "/" in what else ("", "", what)
    if not number.isdecimal():
        name, number = what, ""
    detector = name or _only_detector()
    destination = destination_of(detector)
    if not number:
        live = live_version(destination)
        if live is None:
            raise BadInput(f"no version of {detector} is live", destination, _known_detectors())
        return live
    place = open_destination(destination)
    if int(number) not in place.numbers():
        there = ", ".join(map(str, place.numbers())) or "none"
        raise BadInput(f"{detector} has no version {number}", destination, f"the versions are: {there}")
    return place.version(int(number))


def destination_of(detector: str) -> str:
    """Where a detector's versions are: as its last plan says. Raises BadInput if it never ran."""
    home = DetectorHome.of(detector)
    plan = latest_plan(home)
    if plan is None:
        raise BadInput(f"there is no run of a detector {detector!r}", str(home.plans), _known_detectors())
    return plan.destination


def trace(version: Version) -> Lineage:
    """Follow a version back to its inputs. Raises BadInput if this metadata store doesn't know it."""
    manifest = version.manifest
    home = DetectorHome.of(manifest.detector)
    ancestry = _Ancestry(home, version)
    steps = ancestry.steps()
    by_node = {step.node: properties for step, properties in steps}
    training = json.loads(by_node["Trainer"].get("train", "{}")) if "Trainer" in by_node else {}
    return Lineage(
        detector=manifest.detector,
        version=version.number,
        path=version.address,
        live=live_number(version.destination) == version.number,
        run_id=manifest.run_id,
        created=manifest.created,
        content_hash=manifest.content_hash,
        fingerprint=manifest.fingerprint,
        baseline=manifest.baseline,
        metrics=manifest.facts.get("metrics", {}),
        training=training,
        proof=ancestry.proof,
        allowed=ancestry.allowed,
        inputs=_inputs(by_node),
        steps=[step for step, _ in steps],
        metadata=metadata_address(home.metadata),
    )


def _inputs(by_node: dict[str, dict[str, str]]) -> dict[str, Input]:
    """Paths from the nodes' properties, hashes from their fingerprints."""
    data = json.loads(by_node["ExampleGen"]["data"])
    found = {
        role: (", ".join(data[role]) if role != "label_map" else data[role], "ExampleGen")
        for role in ("train", "eval", "test", "label_map")
        if data.get(role)
    }
    found["pipeline_config"] = (by_node["ConfigValidator"]["pipeline_config"], "ConfigValidator")
    converter = by_node["CheckpointConverter"]
    found["checkpoint"] = (converter["checkpoint"], "CheckpointConverter")
    if converter.get("label_map"):
        found["model_label_map"] = (converter["label_map"], "CheckpointConverter")
    return {
        role: Input(path=path, **json.loads(by_node[node]["fingerprint"])[role])
        for role, (path, node) in found.items()
    }


def _only_detector() -> str:
    names = _detectors()
    if len(names) != 1:
        raise BadInput("a number alone doesn't say which detector", str(upcycle_home()), _known_detectors())
    return names[0]


def _detectors() -> list[str]:
    home = upcycle_home()
    return sorted(plans.parent.name for plans in home.glob("*/plans")) if home.is_dir() else []


def _known_detectors() -> str:
    names = _detectors()
    return f"detectors that ran: {', '.join(names)}" if names else "run a detector first: upcycle run YAML"


class _Ancestry:
    """Walks ML Metadata's events from a pushed artifact upstream."""

    def __init__(self, home: DetectorHome, version: Version) -> None:
        from ml_metadata import MetadataStore

        self.proof = ""
        self.allowed: list[str] = []
        self._version = version
        config = connection_config(home.metadata)
        if config.HasField("sqlite") and not home.metadata.is_file():
            self._unknown(f"there is no metadata store for {version.manifest.detector}", str(home.metadata))
        self._address = metadata_address(home.metadata)
        self._store = MetadataStore(config)

    def steps(self) -> list[tuple[Step, dict[str, str]]]:
        """Every execution that led to the version, inputs first, each with its string properties."""
        found: dict[int, tuple[Step, dict[str, str]]] = {}
        pending = [self._pushed_artifact()]
        while pending:
            execution = self._producer(pending.pop())
            if execution.id in found:
                continue
            events = self._store.get_events_by_execution_ids([execution.id])
            artifacts = {a.id: a for a in self._store.get_artifacts_by_id([e.artifact_id for e in events])}
            uris: dict[str, dict[str, str]] = {"in": {}, "out": {}}
            for event in events:
                if event.type in (event.INPUT, event.OUTPUT):
                    side = "in" if event.type == event.INPUT else "out"
                    artifact, key = artifacts[event.artifact_id], event.path.steps[0].key
                    uris[side][key] = artifact.uri
                    if key == "converted_model":
                        self.proof = artifact.custom_properties["proof"].string_value
                    if key == "resolved_config":
                        codes = artifact.custom_properties["allowed"].string_value
                        self.allowed = codes.split(",") if codes else []
                    if side == "in":
                        pending.append(artifact)
            properties = {key: value.string_value for key, value in execution.custom_properties.items()}
            found[execution.id] = (self._step(execution, properties, uris["in"], uris["out"]), properties)
        return [found[execution_id] for execution_id in sorted(found)]

    def _pushed_artifact(self) -> Any:
        known = [
            artifact
            for artifact in self._store.get_artifacts_by_type("PushedModel")
            if artifact.custom_properties["version"].int_value == self._version.number
            and Path(artifact.custom_properties["pushed_destination"].string_value).name
            == self._version.path.name
            and _manifest_hash(Path(artifact.uri)) == self._version.manifest.content_hash
        ]
        if not known:
            self._unknown("ML Metadata has no record of this version", self._address)
        return min(known, key=lambda artifact: artifact.id)

    def _unknown(self, what: str, where: str) -> None:
        raise BadInput(
            f"{what}: version {self._version.number} in {self._version.address}",
            where,
            "set UPCYCLE_HOME and UPCYCLE_METADATA_URL as they were for the run",
        )

    def _producer(self, artifact: Any) -> Any:
        """The execution that really made the artifact: a cached one only points to it."""
        events = self._store.get_events_by_artifact_ids([artifact.id])
        executions = self._store.get_executions_by_id([e.execution_id for e in events if e.type == e.OUTPUT])
        return min(executions, key=lambda execution: execution.id)

    def _step(
        self, execution: Any, properties: dict[str, str], inputs: dict[str, str], outputs: dict[str, str]
    ) -> Step:
        contexts = {
            self._store.get_context_types_by_id([context.type_id])[0].name: context.name
            for context in self._store.get_contexts_by_execution(execution.id)
        }
        finished = datetime.fromtimestamp(execution.last_update_time_since_epoch / 1000, UTC)
        return Step(
            node=contexts["node"].rsplit(".", 1)[-1],
            execution_id=execution.id,
            run_id=contexts["pipeline_run"],
            finished=finished.isoformat(timespec="seconds"),
            code_version=properties.get("code_version", ""),
            inputs=inputs,
            outputs=outputs,
        )


def _manifest_hash(pushed: Path) -> str | None:
    file = pushed / MANIFEST_FILE
    return json.loads(file.read_text(encoding="utf-8"))["content_hash"] if file.is_file() else None
