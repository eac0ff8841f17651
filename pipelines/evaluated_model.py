"""Finds the model for a run that only evaluates: the one that serves, else the one that was trained last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from components.pusher.manifest import MANIFEST_FILE, read_manifest
from components.pusher.versions import Version, live_version
from detection.errors import BadInput
from pipelines.metadata import connection_config

_FIX = "run the detector without --only first: it trains a model, and publishes it if it is good enough"


class EvaluatedModel(BaseModel):
    """A trained model among the artifacts; `title` is for people."""

    uri: str
    title: str


def model_to_evaluate(detector: str, sqlite: Path, destination: str) -> EvaluatedModel:
    """The Trainer's output that the live version in `destination` was published from.

    Where nothing was published, the model that this detector trained last.

    Args:
      sqlite: the detector's metadata store, unless the environment names a server.

    Raises BadInput if there is no such model, or its files are gone.
    """
    live = live_version(destination)
    store = _open(sqlite)
    context = store and store.get_context_by_type_and_name("pipeline", f"retrain_{detector}")
    artifacts = store.get_artifacts_by_context(context.id) if context else []
    types = {kind.id: kind.name for kind in store.get_artifact_types()} if context else {}
    if live is None:
        trained = [a for a in artifacts if types[a.type_id] == "DetectorModel" and a.state == a.LIVE]
        if not trained:
            raise BadInput("there is no model to evaluate", f"the runs of {detector}", _FIX)
        newest = max(trained, key=lambda artifact: artifact.id)
        return _found(newest.uri, f"the model of run {_run_of(store, newest)}, not published")
    pushed = [a for a in artifacts if types[a.type_id] == "PushedModel" and _is_of(a, live)]
    if not pushed:
        raise BadInput(
            f"ML Metadata has no record of version {live.number}, which serves",
            live.address,
            "set UPCYCLE_HOME and UPCYCLE_METADATA_URL as they were for the run that published it",
        )
    return _found(_published_from(store, pushed).uri, f"version {live.number}")


def _open(sqlite: Path) -> Any:
    """The metadata store; None where nothing ran yet."""
    config = connection_config(sqlite)
    if config.HasField("sqlite") and not sqlite.is_file():
        return None
    from ml_metadata import MetadataStore

    return MetadataStore(config)


def _is_of(pushed: Any, version: Version) -> bool:
    number = pushed.custom_properties["version"].int_value
    there = (Path(pushed.uri) / MANIFEST_FILE).is_file()
    if number != version.number or not there:
        return False
    return read_manifest(Path(pushed.uri)).content_hash == version.manifest.content_hash


def _published_from(store: Any, pushed: list[Any]) -> Any:
    """What the Pusher published: the `model` among the inputs of the execution that made the artifact."""
    [producer] = _producers(store, min(pushed, key=lambda artifact: artifact.id))[:1]
    events = store.get_events_by_execution_ids([producer])
    [model] = [e.artifact_id for e in events if e.type == e.INPUT and e.path.steps[0].key == "model"]
    return store.get_artifacts_by_id([model])[0]


def _producers(store: Any, artifact: Any) -> list[int]:
    """The executions that had it as output; the first made it, others took it from the cache."""
    events = store.get_events_by_artifact_ids([artifact.id])
    return sorted(event.execution_id for event in events if event.type == event.OUTPUT)


def _run_of(store: Any, artifact: Any) -> str:
    runs = {kind.id for kind in store.get_context_types() if kind.name == "pipeline_run"}
    contexts = store.get_contexts_by_execution(_producers(store, artifact)[0])
    return next(str(context.name) for context in contexts if context.type_id in runs)


def _found(uri: str, title: str) -> EvaluatedModel:
    if not (Path(uri) / "saved_model" / "saved_model.pb").is_file():
        raise BadInput(f"the files of {title} are no longer among the artifacts", uri, _FIX)
    return EvaluatedModel(uri=uri, title=title)
