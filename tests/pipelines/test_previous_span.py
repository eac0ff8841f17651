from __future__ import annotations

from pathlib import Path

import pytest
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipelines.metadata import connection_config
from pipelines.previous_span import EXAMPLE_GEN, previous_statistics


class Recorded:
    """A metadata store as runs of ExampleGen leave it."""

    def __init__(self, root: Path) -> None:
        self.root, self.sqlite = root, root / "metadata.sqlite"
        self.store = MetadataStore(connection_config(self.sqlite))
        self.types = {
            "execution": self.store.put_execution_type(mlmd.ExecutionType(name=EXAMPLE_GEN)),
            "other": self.store.put_execution_type(mlmd.ExecutionType(name="Trainer")),
            "artifact": self.store.put_artifact_type(mlmd.ArtifactType(name="DataQuarantine")),
            "context": self.store.put_context_type(mlmd.ContextType(name="pipeline")),
        }
        self.contexts: dict[str, int] = {}

    def ran(
        self, fingerprint: str, detector: str = "signs", state: str = "COMPLETE", kind: str = "execution"
    ) -> str:
        execution = mlmd.Execution(
            type_id=self.types[kind], last_known_state=mlmd.Execution.State.Value(state)
        )
        execution.custom_properties["fingerprint"].string_value = fingerprint
        (execution_id,) = self.store.put_executions([execution])
        folder = self.root / f"{execution_id}"
        folder.mkdir()
        (folder / "statistics.json").write_text("{}")
        artifact = mlmd.Artifact(type_id=self.types["artifact"], uri=str(folder))
        (artifact_id,) = self.store.put_artifacts([artifact])
        event = mlmd.Event(execution_id=execution_id, artifact_id=artifact_id, type=mlmd.Event.OUTPUT)
        event.path.steps.add().key = "quarantine"
        self.store.put_events([event])
        if detector not in self.contexts:
            context = mlmd.Context(type_id=self.types["context"], name=f"retrain_{detector}")
            (self.contexts[detector],) = self.store.put_contexts([context])
        self.store.put_attributions_and_associations(
            [], [mlmd.Association(context_id=self.contexts[detector], execution_id=execution_id)]
        )
        return str(folder)

    def before(self, fingerprint: str, detector: str = "signs") -> str:
        return previous_statistics(detector, self.sqlite, fingerprint)


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    monkeypatch.delenv("UPCYCLE_METADATA_URL", raising=False)
    return Recorded(tmp_path)


def test_the_first_span_has_none_before_it(recorded: Recorded, tmp_path: Path) -> None:
    assert previous_statistics("signs", tmp_path / "absent.sqlite", "october") == ""
    assert not (tmp_path / "absent.sqlite").exists()
    assert recorded.before("october") == ""
    recorded.ran("october")
    assert recorded.before("october") == ""


def test_a_span_is_compared_with_the_one_before_it_now_and_later(recorded: Recorded) -> None:
    recorded.ran("september")
    october = recorded.ran("october")
    assert recorded.before("november") == october
    november = recorded.ran("november")
    assert recorded.before("november") == october  # the same run again
    assert recorded.before("december") == november
    recorded.ran("december")
    assert recorded.before("november") == october
    assert recorded.before("january") != november


def test_what_failed_or_is_another_detectors_does_not_count(recorded: Recorded) -> None:
    october = recorded.ran("october")
    recorded.ran("november", state="FAILED")
    recorded.ran("november", detector="faces")
    recorded.ran("november", kind="other")
    assert recorded.before("december") == october
    assert recorded.before("december", "cats") == ""


def test_statistics_that_were_deleted_do_not_count(recorded: Recorded) -> None:
    october, november = recorded.ran("october"), recorded.ran("november")
    (Path(november) / "statistics.json").unlink()
    assert recorded.before("december") == october
