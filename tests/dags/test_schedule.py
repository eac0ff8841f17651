from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def add(detectors):
    """Adds the detector NAME.yaml with this `schedule` and path of its data."""

    def add_detector(name: str, schedule: dict | None = None, train: str = "data/{span}") -> Path:
        sections = {
            "name": name,
            "model": {"pipeline_config": "pipeline.config", "checkpoint": "model.ckpt"},
            "data": {"train": train, "label_map": "label_map.pbtxt"},
            "gate": {"floor": 0.4},
            "schedule": schedule or {},
        }
        path = detectors / f"{name}.yaml"
        path.write_text(yaml.safe_dump(sections))
        return path

    return add_detector


def stored(dag):
    """The timetable as the scheduler reads it from the database."""
    from airflow.serialization.serialized_objects import DagSerialization

    return DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable


def assets_of(timetable) -> list[str]:
    return [key.name for key, _ in timetable.asset_condition.iter_assets()]


SPAN = {"cron": "0 3 * * 1", "timezone": "Asia/Tokyo", "span": "%Y-%m-%d"}


@pytest.mark.parametrize(
    ("schedule", "train", "kind", "hears_spans"),
    [
        ({}, "data/{span}", "NullTimetable", False),
        ({"cron": "0 3 * * 1"}, "data/{span}", "CronTriggerTimetable", False),
        (SPAN, "data/{span}", "CronPartitionTimetable", True),
        ({"on_data": True}, "data/{span}", "PartitionedAssetTimetable", True),
        ({"on_data": True}, "data", "AssetTriggeredTimetable", False),
        ({"watch": "ready"}, "data/{span}", "AssetTriggeredTimetable", False),
        ({"cron": "@daily", "on_data": True}, "data", "AssetOrTimeSchedule", False),
        ({"cron": "@daily", "watch": "ready"}, "data/{span}", "AssetOrTimeSchedule", False),
        ({"cron": "@daily", "on_data": True}, "data/{span}", "dags.cron_or_data.CronOrDataTimetable", True),
        (SPAN | {"on_data": True}, "data/{span}", "dags.cron_or_data.CronOrDataTimetable", True),
    ],
)
def test_timetables(load_dags, add, schedule, train, kind, hears_spans):
    add("one", schedule, train)
    bag = load_dags()
    assert bag.import_errors == {}
    dag = bag.dags["retrain_one"]
    timetable = stored(dag)
    assert (timetable.type_name, timetable.partitioned) == (kind, hears_spans)
    by_event = schedule.get("on_data") or "watch" in schedule
    assert assets_of(timetable) == (["upcycle_one_data"] if by_event else [])
    assert timetable.periodic == ("cron" in schedule)  # what a backfill needs
    for text in (schedule.get("cron"), schedule.get("span"), by_event and "data"):
        assert not text or text in dag.doc_md
    assert "when triggered" in dag.doc_md


def test_a_span_by_the_clock_is_the_local_date(load_dags, add):
    add("clock", SPAN)
    add("both", SPAN | {"on_data": True})
    add("newest", {"cron": "0 3 * * 1", "on_data": True})
    dags = load_dags().dags
    bounds = {"earliest": datetime(2026, 11, 1, tzinfo=UTC), "latest": datetime(2026, 11, 15, tzinfo=UTC)}
    keys = {
        name: [i.partition_key for i in stored(dags[f"retrain_{name}"]).iter_partition_dagrun_infos(**bounds)]
        for name in ("clock", "both", "newest")
    }
    # 3:00 on a Monday in Tokyo is still Sunday in UTC
    assert keys["clock"] == keys["both"] == ["2026-11-02", "2026-11-09"]
    assert set(keys["newest"]) == {"newest"}
    both = stored(dags["retrain_both"])
    assert both.resolve_partition_date("2026-11-02") == datetime(2026, 11, 1, 15, tzinfo=UTC)
    assert both.resolve_partition_date("delivery 7") is None


def test_the_watched_file_is_found_beside_the_detector(load_dags, add, detectors):
    add("one", {"watch": "ready"})
    trigger = load_dags().dags["retrain_one"].timetable.asset_condition.watchers[0].trigger
    assert trigger.serialize()[1]["filepath"] == str(detectors / "ready")


@pytest.mark.parametrize(
    ("schedule", "problem"),
    [
        ({"cron": "99 3 * * 1"}, "99 3 * * 1"),
        ({"cron": "0 3 * *"}, "five fields"),
        ({"cron": "@sometimes"}, "@sometimes"),
        ({"cron": "@daily", "timezone": "Mars/Phobos"}, "Mars/Phobos"),
        ({"cron": "@daily", "span": "today"}, "every run would read the same"),
        ({"cron": "@daily", "span": "100%%"}, "every run would read the same"),
        ({"cron": "@daily", "span": "%Y-%Q"}, "strftime has no part %Q"),
        ({"cron": "@daily", "span": "%Y-%"}, "strftime has no part %"),
        ({"cron": "@daily", "span": "%Y/%m"}, "without /"),
        ({"span": "%Y"}, "schedule.cron is not given"),
        ({"watch": "ready", "on_data": True}, "a file names no span"),
        ({"cron": "@daily", "span": "%Y", "watch": "ready"}, "a file names no span"),
        ({"watch": ""}, "`schedule.watch`"),
        ({"on_data": "perhaps"}, "`schedule.on_data`"),
    ],
)
def test_a_schedule_that_cant_be_used(load_dags, add, schedule, problem):
    path = add("other", schedule)
    bag = load_dags()
    [message] = bag.import_errors.values()
    assert problem in message and str(path) in message
    assert set(bag.dags) == {"retrain_signs", "rollback_signs", "retrain_other"}
    page = bag.dags["retrain_other"].doc_md
    assert problem in page and str(path) in page and "fix:" in page


def test_a_missing_plugin_is_said(load_dags, add, monkeypatch, tmp_path):
    add("both", {"cron": "@daily", "on_data": True})
    monkeypatch.setenv("AIRFLOW__CORE__PLUGINS_FOLDER", str(tmp_path))
    page = load_dags().dags["retrain_both"].doc_md
    assert f"AIRFLOW__CORE__PLUGINS_FOLDER={ROOT / 'dags' / 'plugins'}" in page


def test_a_starting_task_reads_its_own_detector_only(load_dags, add, detectors, monkeypatch):
    from pipelines.spec import DetectorSpec

    add("two")
    (detectors / "interpolated.yaml").write_text(
        (detectors / "two.yaml").read_text().replace("name: two", "name: ${NAME_OF_IT:-three}")
    )
    (detectors / "broken.yaml").write_text("name: broken\nno: good")
    read = []
    original = DetectorSpec.from_file.__func__

    def from_file(cls, path):
        read.append(Path(path).name)
        return original(cls, path)

    monkeypatch.setattr(DetectorSpec, "from_file", classmethod(from_file))
    everything = set(load_dags().dags)
    assert len(everything) == 7
    assert len(read) == 4  # once in a parse, though three Python files make DAGs

    def started(dag_id: str) -> tuple[set[str], list[str]]:
        read.clear()
        monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", dag_id)
        return set(load_dags().dags), sorted(read)

    maybe = ["interpolated.yaml"]  # its text doesn't tell its name
    assert started("retrain_signs") == ({"retrain_signs", "rollback_signs"}, [*maybe, "signs.yaml"])
    assert started("rollback_two") == ({"retrain_two", "rollback_two"}, [*maybe, "two.yaml"])
    assert started("retrain_three") == ({"retrain_three", "rollback_three"}, maybe)
    # What no file plainly is, such as the DAG of a broken one, is looked for in all
    assert "retrain_broken" in started("retrain_broken")[0]
    assert started("retrain_gone")[0] == everything


def test_a_task_runner_says_which_dag_it_wants(monkeypatch):
    """What the test above relies on: Airflow names the DAG while a task's process parses its file."""
    from airflow.sdk import get_parsing_context
    from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager

    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "")  # Airflow leaves its own value behind
    with _airflow_parsing_context_manager(dag_id="retrain_signs"):
        assert get_parsing_context().dag_id == "retrain_signs"


def test_what_a_schedule_doesnt_need_isnt_imported(add, detectors, stub_environment):
    add("clock", SPAN)
    add("event", {"on_data": True})
    script = (
        "import sys; from airflow.sdk import DAG, BaseOperator; airflows_own = set(sys.modules)\n"
        "import dags.retrain, dags.retrain_docker, dags.retrain_kubernetes\n"
        "heavy = ('airflow.providers.', 'tensorflow', 'tfx', 'docker', 'kubernetes')\n"
        "print([name for name in set(sys.modules) - airflows_own if name.startswith(heavy)])\n"
        "print(sorted(name for name in vars(dags.retrain) if name.startswith('retrain_')))"
    )
    environment = stub_environment | {"AIRFLOW_HOME": os.environ["AIRFLOW_HOME"]}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120
    )
    expected = ["[]", "['retrain_clock', 'retrain_event', 'retrain_signs']"]
    assert done.stdout.splitlines()[-2:] == expected, done.stdout + done.stderr


PAGE = ROOT / "docs" / "schedules.md"


def blocks(language: str) -> list[str]:
    """The page's blocks of code in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def test_the_documented_dag_waits_for_the_model(tmp_path):
    from airflow.dag_processing.dagbag import DagBag

    from dags.schedule import model_asset

    [example] = blocks("python")
    (tmp_path / "deploy.py").write_text(example)
    bag = DagBag(dag_folder=str(tmp_path), bundle_name="own")
    assert bag.import_errors == {}
    timetable = stored(bag.dags["deploy_microcontrollers"])
    assert timetable.partitioned and timetable.get_partition_mapper().to_downstream("4") == "4"
    assert assets_of(timetable) == [model_asset(SimpleNamespace(name="microcontrollers")).name]


def test_the_documented_backfill_is_a_command():
    from airflow.cli.cli_parser import get_parser

    [command] = [block for block in blocks("sh") if block.startswith("airflow ")]
    parsed = get_parser().parse_args(shlex.split(command.replace("\\\n", ""))[1:])
    assert (parsed.dag_id, parsed.max_active_runs) == ("retrain_microcontrollers", 1)
    assert parsed.from_date < parsed.to_date
