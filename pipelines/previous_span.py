"""Finds the statistics of the data that a detector learned from before the data of this run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.metadata import connection_config

EXAMPLE_GEN = "components.example_gen.component.ExampleGen"


def previous_statistics(detector: str, sqlite: Path, data_fingerprint: str) -> str:
    """The quarantine folder of the last other data that this detector's ExampleGen read; "" if there is none.

    Data that ran before are compared with what came before them then, not with what came after: so the same
    run again finds its result in the cache.

    Args:
      sqlite: the detector's metadata store, unless the environment names a server.
      data_fingerprint: ExampleGen's property `fingerprint`.
    """
    config = connection_config(sqlite)
    if config.HasField("sqlite") and not sqlite.is_file():
        return ""
    from ml_metadata import MetadataStore

    store = MetadataStore(config)
    context = store.get_context_by_type_and_name("pipeline", f"retrain_{detector}")
    types = [kind.id for kind in store.get_execution_types() if kind.name == EXAMPLE_GEN]
    if context is None or not types:
        return ""
    # A cached execution counts too: data that come back after others are the span before again.
    done = [
        execution
        for execution in store.get_executions_by_context(context.id)
        if execution.type_id == types[0]
        and execution.last_known_state in (execution.COMPLETE, execution.CACHED)
    ]
    done.sort(key=lambda execution: execution.id)
    fingerprints = [execution.custom_properties["fingerprint"].string_value for execution in done]
    if data_fingerprint in fingerprints:
        done = done[: fingerprints.index(data_fingerprint)]
    for execution in reversed(done):
        folder = _quarantine_of(store, execution)
        if folder is not None:
            return folder
    return ""


def _quarantine_of(store: Any, execution: Any) -> str | None:
    events = [
        event
        for event in store.get_events_by_execution_ids([execution.id])
        if event.type == event.OUTPUT and event.path.steps and event.path.steps[0].key == "quarantine"
    ]
    artifacts = store.get_artifacts_by_id([event.artifact_id for event in events])
    return next((a.uri for a in artifacts if (Path(a.uri) / "statistics.json").is_file()), None)
