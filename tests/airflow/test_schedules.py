"""What starts a run: the clock, an event of the data's asset, a file, a backfill; and in which order."""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.airflow.documented import BLOCKS, blocks_of, run_documented
from tests.airflow.server import FINISHED, run_path

if TYPE_CHECKING:
    from tests.airflow.harness import Airflow

DAILY = {"cron": "0 3 * * *", "span": "%Y-%m-%d"}
MONTHLY = {"cron": "0 3 1 * *"}


def last_night() -> str:
    now = datetime.now(UTC)
    return (now if now.hour >= 3 else now - timedelta(days=1)).strftime("%Y-%m-%d")


class Detector:
    """A detector of a test, whose runs end with their first task: that is told what to read, and fails."""

    def __init__(self, airflow: Airflow, name: str, schedule: dict[str, Any], **sections: Any) -> None:
        self.airflow = airflow
        self.name = name
        self.data = f"upcycle_{name}_data"
        airflow.steer("plan", name, exit=78, times=100)
        self.dag_id = airflow.add_detector(name, schedule=schedule, **sections)

    def unpause(self) -> None:
        self.airflow.api("PATCH", f"/api/v2/dags/{self.dag_id}", {"is_paused": False})

    def runs(self) -> list[dict[str, Any]]:
        """All runs, in the order in which they started."""
        runs = self.airflow.api("GET", f"/api/v2/dags/{self.dag_id}/dagRuns?limit=100")["dag_runs"]
        return sorted(runs, key=lambda run: run["start_date"] or "9")

    def ended(self, count: int) -> list[dict[str, Any]]:
        """The runs once `count` are there and over; fails when one began before the one before had ended."""

        def there() -> list[dict[str, Any]]:
            runs = self.runs()
            return runs if len(runs) >= count and all(run["state"] in FINISHED for run in runs) else []

        runs = self.airflow.wait_for(there, 240, f"{count} runs of {self.dag_id}")
        assert len(runs) == count
        for one, next_one in zip(runs, runs[1:], strict=False):
            assert one["end_date"] <= next_one["start_date"], "two runs at a time"
        return runs

    def backfills_are_over(self) -> bool:
        """Whether Airflow would take another one: it looks each half minute whether one has ended."""
        found = self.airflow.api("GET", f"/api/v2/backfills?dag_id={self.dag_id}")["backfills"]
        return bool(found) and all(backfill["completed_at"] for backfill in found)

    def spans(self) -> list[str | None]:
        """What the nodes were told to read, in order."""
        return [
            call["span"] for call in self.airflow.calls("plan") if Path(call["detector"]).stem == self.name
        ]


def test_every_shell_command_of_the_pages_is_run_by_a_test() -> None:
    for page in ("airflow", "schedules", "security"):
        marks = [mark for named, mark in BLOCKS.values() if named == page]
        assert [[mark in text for mark in marks].count(True) for text in blocks_of(page)] == [1] * len(marks)


@pytest.mark.timeout(900)
def test_events_with_a_span(airflow: Airflow) -> None:
    detector = Detector(airflow, "arriving", {"on_data": True})
    detector.unpause()
    said = run_documented(airflow, "token", "event", microcontrollers=detector.name)
    assert '"partition_key":"2026-11-20"' in said.replace(" ", "")
    airflow.send_asset_event(detector.data, partition_key="2026-01")
    runs = detector.ended(2)
    assert [(run["run_type"], run["partition_key"]) for run in runs] == [
        ("asset_triggered", "2026-11-20"),
        ("asset_triggered", "2026-01"),
    ]
    airflow.send_asset_event(detector.data, partition_key="2026-01")  # the same data once more: a run again
    detector.ended(3)

    # A run by hand takes what the form says
    run_id = airflow.trigger(detector.dag_id, span="2025-12")
    airflow.finished(detector.dag_id, run_id)
    assert detector.spans() == ["2026-11-20", "2026-01", "2026-01", "2025-12"]

    # The scheduler doesn't see these two before it is killed; Airflow is given a new one
    os.kill(airflow.service("scheduler"), signal.SIGSTOP)
    airflow.send_asset_event(detector.data, partition_key="2026-03")
    airflow.send_asset_event(detector.data, partition_key="2026-04")
    assert len(detector.spans()) == 4
    airflow.kill_service("scheduler")
    detector.ended(6)
    assert detector.spans()[4:] == ["2026-03", "2026-04"]


@pytest.mark.timeout(900)
def test_the_clock_and_a_backfill(airflow: Airflow) -> None:
    detector = Detector(airflow, "nightly", DAILY)
    assert detector.runs() == []
    detector.unpause()  # nothing is caught up, but the last night's run
    [run] = detector.ended(1)
    assert (run["run_type"], run["partition_key"]) == ("scheduled", last_night())

    # Both as docs/schedules.md has them; the second for another month, since a span is filled once
    march = ["2026-03-02", "2026-03-03", "2026-03-04"]
    run_documented(airflow, "token", "call", "backfill", microcontrollers=detector.name)
    runs = detector.ended(4)
    assert {run["run_type"] for run in runs[1:]} == {"backfill"}
    assert detector.spans() == [last_night(), *march]
    airflow.wait_for(detector.backfills_are_over, 120, "the scheduler's word that the backfill is over")
    april = {"microcontrollers": detector.name, "2026-03": "2026-04"}
    run_documented(airflow, "backfill command", **april)
    runs = detector.ended(7)
    assert {run["run_type"] for run in runs[1:]} == {"backfill"}
    assert detector.spans()[4:] == [day.replace("-03-", "-04-") for day in march]


@pytest.mark.timeout(900)
def test_the_clock_and_events(airflow: Airflow) -> None:
    detector = Detector(airflow, "both", MONTHLY | {"on_data": True})
    detector.unpause()
    [run] = detector.ended(1)
    assert (run["run_type"], run["partition_key"]) == ("scheduled", "newest")
    airflow.send_asset_event(detector.data, partition_key="delivery 7")
    assert detector.ended(2)[1]["partition_key"] == "delivery 7"
    airflow.send_asset_event(detector.data, partition_key="newest")
    detector.ended(3)
    run_documented(airflow, "token", "trigger", retrain_demo=detector.dag_id)
    assert detector.ended(4)[-1]["run_type"] == "manual"
    assert detector.spans() == [None, "delivery 7", None, None]
    assert airflow.calls("plan")[-1]["steps"] == "500"


@pytest.mark.timeout(900)
def test_a_file_and_events_without_a_span(airflow: Airflow) -> None:
    ready = airflow.folder / "ready"
    detector = Detector(airflow, "watching", MONTHLY | {"watch": str(ready)})
    detector.unpause()
    assert detector.ended(1)[0]["run_type"] == "scheduled"
    airflow.parse()  # Airflow begins to watch when it parses the DAG again, which the tests' does when asked
    for count in (2, 3):
        ready.touch()
        assert detector.ended(count)[-1]["run_type"] == "asset_triggered"
        assert not ready.exists()
    airflow.send_asset_event(detector.data)
    detector.ended(4)
    assert detector.spans() == [None] * 4


@pytest.mark.timeout(900)
def test_the_models_asset_changes_when_a_version_is_published(airflow: Airflow) -> None:
    dag_id = airflow.add_detector("published")
    airflow.steer("Pusher", "published", exit=99, times=1)  # refused: there is nothing to do
    run_id = airflow.trigger(dag_id)
    assert airflow.finished(dag_id, run_id, 300) == "success"
    assert airflow.tasks(dag_id, run_id)["Pusher"]["state"] == "skipped"
    assert airflow.asset_events("upcycle_published_model") == []

    pushed = {"pushed": 1, "version": 3, "pushed_destination": "/serving/published/3"}
    airflow.steer("Pusher", "published", result={"properties": {"pushed_model": pushed}})
    run_id = airflow.trigger(dag_id)
    assert airflow.finished(dag_id, run_id, 300) == "success"
    [event] = airflow.asset_events("upcycle_published_model")
    assert (event["source_run_id"], event["source_task_id"]) == (run_id, "Pusher")
    assert event["partition_key"] == "3"
    assert event["extra"] == {"run_id": run_id, "version": 3, "path": "/serving/published/3"}

    # Neither does a run that only evaluates publish anything
    run_id = airflow.trigger(dag_id, only="evaluate")
    assert airflow.finished(dag_id, run_id, 300) == "success"
    assert airflow.tasks(dag_id, run_id)["Pusher"]["state"] == "skipped"
    assert len(airflow.asset_events("upcycle_published_model")) == 1


@pytest.mark.timeout(600)
def test_a_broken_file_is_a_dag_that_says_so_and_touches_no_other(airflow: Airflow) -> None:
    good = Detector(airflow, "sound", {"on_data": True})
    good.unpause()
    dag_id = airflow.add_file("mending.yaml", "name: mending\ntrian: {}\n")

    def import_errors() -> list[dict[str, str]]:
        return airflow.api("GET", "/api/v2/importErrors")["import_errors"]

    page = airflow.api("GET", f"/api/v2/dags/{dag_id}/details")["doc_md"]
    assert "unknown key `trian`" in page and "mending.yaml:2" in page and "did you mean `train`?" in page
    airflow.parse("broken")
    [error] = airflow.wait_for(import_errors, what="the import error")
    assert "mending.yaml:2" in error["stack_trace"] and "did you mean `train`?" in error["stack_trace"]
    airflow.send_asset_event(good.data, partition_key="2026-01")
    good.ended(1)
    run_id = airflow.trigger(dag_id)
    assert airflow.finished(dag_id, run_id) == "failed"
    log = airflow.api("GET", f"{run_path(dag_id, run_id)}/taskInstances/detector_file/logs/1")
    assert "did you mean `train`?" in str(log)

    airflow.add_detector("mending")

    def is_mended() -> bool:
        # Airflow stores a DAG anew at a parse 30 s after the last time; a run before that has the old tasks
        airflow.parse()
        time.sleep(3)
        tasks = airflow.api("GET", f"/api/v2/dags/{dag_id}/tasks")["tasks"]
        return "plan" in {task["task_id"] for task in tasks}

    airflow.wait_for(is_mended, what="the mended DAG")
    airflow.steer("plan", "mending", exit=78, times=1)
    run_id = airflow.trigger(dag_id)
    airflow.finished(dag_id, run_id)
    assert set(airflow.tasks(dag_id, run_id)) >= {"plan", "Trainer"}
    assert airflow.dags()[dag_id]["dag_display_name"] == dag_id
    airflow.parse("broken")
    airflow.wait_for(lambda: not import_errors(), what="the end of the import error")
