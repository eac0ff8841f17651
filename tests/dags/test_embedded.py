from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.dags.stub import calls

TASKS = ["plan", "ExampleGen", "ConfigValidator", "CheckpointConverter", "Trainer", "Evaluator", "Pusher"]


@pytest.fixture
def embedded(stub_environment):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dags.embedded", *arguments],
            env=stub_environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


def test_a_run_shows_each_task_and_ends_with_the_summary(embedded, tmp_path):
    started = time.monotonic()
    done = embedded("retrain_signs", "--steps", "5", "--span", "2026-11 a")
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - started < 240
    assert done.stderr == ""
    assert sorted(re.findall(r"^● (\w+)$", done.stdout, re.M)) == sorted(TASKS)
    assert "● ExampleGen\n  │ ExampleGen works\n  ✓ " in done.stdout
    assert re.search(r"ExampleGen works\n  ✓ [\d.]+ s  from cache\n", done.stdout)
    *_, summary, blank, seconds = done.stdout.splitlines()
    assert (summary, blank) == ("mAP_50 0.91, version 1 serves", "")
    assert re.fullmatch(r"[\d.]+ s, of which Airflow [\d.]+ s", seconds)
    made = calls(tmp_path)
    plan = made[0]
    assert (plan["module"], plan["steps"], plan["span"]) == ("pipelines.plan", "5", "2026-11 a")
    assert (plan["learning_rate"], plan["force"]) == (None, False)
    assert plan["detector"] == str(tmp_path / "detectors" / "signs.yaml")
    assert plan["run_id"].startswith("manual__") and plan["triggered_by"] == "dag_test"
    assert {call["plan"] for call in made[1:]} == {str(tmp_path / "runs" / "signs" / plan["run_id"])}
    assert [call["node"] for call in made[-4:]] == ["Trainer", "Evaluator", "Pusher", "summary"]


def test_bad_input_fails_at_once_with_78(embedded, tmp_path):
    (tmp_path / "ConfigValidator.json").write_text(json.dumps({"exit": 78, "times": 9}))
    done = embedded("retrain_signs")
    assert done.returncode == 78
    assert "  │ the label map is empty\n  │   where: label_map.pbtxt" in done.stdout
    assert "✗ ConfigValidator can't use its input" in done.stdout
    nodes = [call["node"] for call in calls(tmp_path)]
    assert nodes.count("ConfigValidator") == 1 and "Trainer" not in nodes and "summary" not in nodes


def database(folder: Path, query: str) -> list[tuple]:
    """Rows of the run's own Airflow database."""
    with sqlite3.connect(folder / "home" / ".airflow" / "embedded" / "airflow.db") as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize(
    ("only", "ran"),
    [
        (
            "evaluate",
            {"plan", "ExampleGen", "ConfigValidator", "CheckpointConverter", "Evaluator", "summary"},
        ),
        ("convert", {"plan", "ConfigValidator", "CheckpointConverter", "summary"}),
    ],
)
def test_what_a_run_leaves_out_is_skipped_without_a_process(embedded, tmp_path, only, ran):
    done = embedded("retrain_signs", f"--only={only}")
    assert done.returncode == 0, done.stdout + done.stderr
    nodes = [call["node"] for call in calls(tmp_path)]
    assert set(nodes) == ran and len(nodes) == len(ran)
    assert nodes[0] == "plan" and nodes[-1] == "summary"
    if only == "evaluate":
        assert nodes[-2] == "Evaluator"
    states = dict(database(tmp_path, "SELECT task_id, state FROM task_instance"))
    expected = {task: "success" if task in ran else "skipped" for task in [*TASKS, "summary"]}
    assert states == expected
    assert database(tmp_path, "SELECT state FROM dag_run") == [("success",)]
    assert database(tmp_path, "SELECT * FROM asset_event") == [], "no other DAG is told of a model"


def test_nothing_is_evaluated_after_a_failure(embedded, tmp_path):
    (tmp_path / "CheckpointConverter.json").write_text(json.dumps({"exit": 78, "times": 9}))
    done = embedded("retrain_signs", "--only=evaluate")
    assert done.returncode == 78
    states = dict(database(tmp_path, "SELECT task_id, state FROM task_instance"))
    assert states["Evaluator"] == states["summary"] == "upstream_failed"
    assert states["Trainer"] == states["Pusher"] == "skipped"


@pytest.mark.slow
def test_a_failed_attempt_is_tried_again(embedded, tmp_path):
    (tmp_path / "Trainer.json").write_text(json.dumps({"exit": 1, "times": 1}))
    done = embedded("retrain_signs")
    assert done.returncode == 0
    assert "✗ Trainer failed (exit code 1)" in done.stdout and "● Trainer (attempt 2)\n" in done.stdout


def test_what_is_not_there_or_not_allowed(embedded, detectors):
    (detectors / "broken.yaml").write_text("nmae: x")
    unknown = embedded("retrain_sings")
    assert unknown.returncode == 78 and "take one of retrain_broken, retrain_signs" in unknown.stdout
    steps = embedded("retrain_signs", "--steps", "0")
    assert steps.returncode == 78
    assert steps.stdout.startswith(
        "error: Invalid input for param steps: 0 is less than the minimum of 1\n"
        "  where: --steps\n  fix:   Training steps: Empty: 7\n"
    )
    broken = embedded("retrain_broken")
    assert broken.returncode == 78 and "did you mean `name`?" in broken.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_node_too(stub_environment, tmp_path, has_ended, number):
    (tmp_path / "plan.json").write_text(json.dumps({"sleep": 60}))
    process = subprocess.Popen(
        [sys.executable, "-m", "dags.embedded", "retrain_signs"],
        env=stub_environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while "plan works" not in (line := process.stdout.readline()):
        assert line, "ended early"
    deadline = time.monotonic() + 10
    while len(calls(tmp_path)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    assert f"stopped by {number.name}" in process.communicate(timeout=20)[0]
    assert process.returncode == 128 + number
    node, helper, *_ = calls(tmp_path)
    assert has_ended(node["pid"]) and has_ended(helper["helper"])
