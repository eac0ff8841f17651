"""One node in a process: cache, errors, kills, retries; over real TFX and real ML Metadata."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.node import BEAM_ARGS, RUN_ID_VARIABLE, set_environment
from pipelines.plan import read_plan

Start = Callable[..., "subprocess.Popen[str]"]
MakePlan = Callable[..., Path]


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    stdout, stderr = process.communicate(timeout=300)
    return process.returncode, stdout, stderr


def result_of(run_dir: Path, node: str) -> dict[str, Any]:
    return json.loads((run_dir / f"result-{node}.json").read_text())


def output(run_dir: Path, node: str, key: str) -> str:
    return (Path(result_of(run_dir, node)["outputs"][key]) / "text.txt").read_text()


def test_a_run_then_the_cache(make_tiny_plan: MakePlan, start_node: Start) -> None:
    first = make_tiny_plan("run-1")
    assert finish(start_node(first, "ExampleGen"))[0] == 0
    code, stdout, _ = finish(start_node(first, "Pusher"))
    assert code == 99, "the Pusher that pushed nothing is skipped"
    assert output(first, "ExampleGen", "examples") == "hello []"
    assert result_of(first, "ExampleGen")["cached"] is False

    second = make_tiny_plan("run-2")
    before = os.times()  # of the processor: other work on the machine takes time, but not this
    assert finish(start_node(second, "ExampleGen"))[0] == 0
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert spent < 6, "a cached node needs no TensorFlow"
    assert finish(start_node(second, "Pusher"))[0] == 99
    for node in ("ExampleGen", "Pusher"):
        made, cached = result_of(first, node), result_of(second, node)
        assert cached["cached"] is True
        assert cached["outputs"] == made["outputs"]
        assert cached["execution_id"] != made["execution_id"]
    assert result_of(second, "Pusher")["properties"]["pushed_model"] == {"pushed": 0, "run": "run-1"}


def test_force_ignores_the_cache(make_tiny_plan: MakePlan, start_node: Start) -> None:
    first = make_tiny_plan("run-1")
    finish(start_node(first, "ExampleGen"))
    second = make_tiny_plan("run-2", force=True)
    finish(start_node(second, "ExampleGen"))
    assert result_of(second, "ExampleGen")["cached"] is False


def test_changed_property_misses_the_cache(make_tiny_plan: MakePlan, start_node: Start) -> None:
    finish(start_node(make_tiny_plan("run-1"), "ExampleGen"))
    second = make_tiny_plan("run-2", text="bye")
    finish(start_node(second, "ExampleGen"))
    assert output(second, "ExampleGen", "examples") == "bye []"


def test_lost_outputs_are_made_again(make_tiny_plan: MakePlan, start_node: Start) -> None:
    first = make_tiny_plan("run-1")
    finish(start_node(first, "ExampleGen"))
    shutil.rmtree(result_of(first, "ExampleGen")["outputs"]["examples"])
    second = make_tiny_plan("run-2")
    finish(start_node(second, "ExampleGen"))
    assert result_of(second, "ExampleGen")["cached"] is False
    assert output(second, "ExampleGen", "examples") == "hello []"


def test_a_node_that_succeeded_is_not_run_again(make_tiny_plan: MakePlan, start_node: Start) -> None:
    run_dir = make_tiny_plan("run-1")
    finish(start_node(run_dir, "ExampleGen"))
    before = result_of(run_dir, "ExampleGen")
    code, _, _ = finish(start_node(run_dir, "ExampleGen", TINY="defect"))
    assert code == 0
    assert result_of(run_dir, "ExampleGen") == before


@pytest.mark.parametrize(
    ("behaviour", "code", "said"),
    [
        ("bad", 78, "error: the picture is torn\n  where: cat.jpg\n  fix:   take another one\n"),
        (
            "wrapped",
            1,
            "error: the proof failed\n  where: box_head\n  fix:   keep the model's config\n",
        ),
    ],
)
def test_known_errors_have_three_parts_and_no_traceback(
    make_tiny_plan: MakePlan, start_node: Start, behaviour: str, code: int, said: str
) -> None:
    run_dir = make_tiny_plan("run-1")
    exit_code, _, stderr = finish(start_node(run_dir, "ExampleGen", TINY=behaviour))
    assert exit_code == code
    assert stderr == said
    outputs = run_dir.parents[1] / "artifacts" / "ExampleGen" / "examples"
    assert list(outputs.rglob("*.txt")) == [], "a failed node leaves no half of a result"
    assert not (run_dir / "result-ExampleGen.json").exists()


def test_a_defect_keeps_its_traceback_and_a_retry_succeeds(
    make_tiny_plan: MakePlan, start_node: Start
) -> None:
    run_dir = make_tiny_plan("run-1")
    exit_code, _, stderr = finish(start_node(run_dir, "ExampleGen", TINY="defect"))
    assert exit_code == 1
    assert "Traceback" in stderr and "ZeroDivisionError: a defect" in stderr
    assert finish(start_node(run_dir, "ExampleGen"))[0] == 0
    assert output(run_dir, "ExampleGen", "examples") == "hello []"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_killed_then_retried(make_tiny_plan: MakePlan, start_node: Start, number: signal.Signals) -> None:
    run_dir = make_tiny_plan("run-1")
    process = start_node(run_dir, "ExampleGen", TINY="hang", PYTHONFAULTHANDLER="1")
    assert process.stdout is not None
    words = process.stdout.readline().split()
    assert words[0] == "hanging"
    child = int(words[1])
    process.send_signal(number)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # then it says where each of its threads is
        raise AssertionError(process.communicate(timeout=60)[1]) from None
    if number == signal.SIGTERM:
        assert process.returncode == 143
        assert _ended(child), "what the node started ends with it"
    else:
        os.kill(child, signal.SIGKILL)
    process.communicate()
    assert finish(start_node(run_dir, "ExampleGen"))[0] == 0
    assert output(run_dir, "ExampleGen", "examples") == "hello []", (
        "no half of a result from the first attempt"
    )


def test_inputs_edited_after_the_plan_are_refused(
    make_tiny_plan: MakePlan, start_node: Start, detector: Path
) -> None:
    run_dir = make_tiny_plan("run-1")
    picture = detector.parent / "data" / "train" / "0.jpg"
    os.utime(picture, (1, 1))
    assert finish(start_node(run_dir, "ExampleGen"))[0] == 0, "touched, but equal in content"
    picture.write_bytes(b"another picture")
    run_dir = make_tiny_plan("run-2")
    picture.write_bytes(b"a third picture")
    exit_code, _, stderr = finish(start_node(run_dir, "ExampleGen"))
    assert exit_code == 78
    assert stderr.startswith("error: train was edited after this run was planned\n  where: ")


def test_a_node_before_its_inputs_fails(make_tiny_plan: MakePlan, start_node: Start) -> None:
    exit_code, _, stderr = finish(start_node(make_tiny_plan("run-1"), "Pusher"))
    assert exit_code == 1
    assert stderr.startswith("error: TFX found no inputs for Pusher\n")
    assert "Traceback" not in stderr


def test_unknown_node_and_missing_plan(make_tiny_plan: MakePlan, start_node: Start, tmp_path: Path) -> None:
    exit_code, _, stderr = finish(start_node(make_tiny_plan("run-1"), "Trainer"))
    assert exit_code == 78
    assert "fix:   take one of: ExampleGen, Pusher" in stderr
    exit_code, _, stderr = finish(start_node(tmp_path, "Trainer"))
    assert exit_code == 78
    assert "there is no readable plan" in stderr


def test_concurrent_runs_lose_no_metadata(make_tiny_plan: MakePlan, start_node: Start) -> None:
    from ml_metadata import MetadataStore

    from pipelines.metadata import connection_config

    plans = [make_tiny_plan(f"run-{index}", text=f"text {index}") for index in range(4)]
    processes = [start_node(run_dir, "ExampleGen") for run_dir in plans]
    for process in processes:
        exit_code, _, stderr = finish(process)
        assert exit_code == 0, stderr
    store = MetadataStore(connection_config(plans[0].parents[1] / "metadata.sqlite"))
    executions = store.get_executions()
    assert sorted(e.custom_properties["text"].string_value for e in executions) == [
        f"text {index}" for index in range(4)
    ]
    assert {e.last_known_state for e in executions} == {3}, "all are complete"


def _ended(pid: int) -> bool:
    for _ in range(50):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False


def test_where_beam_works_is_no_input(make_tiny_plan: MakePlan, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = read_plan(make_tiny_plan("run-1"))
    arguments = ["--runner=FlinkRunner", "--flink_master=a host:8081"]
    elsewhere = plan.model_copy(update={"spec": plan.spec.model_copy(update={"beam_args": arguments})})
    monkeypatch.setenv(RUN_ID_VARIABLE, "")
    monkeypatch.setenv(BEAM_ARGS, "")
    del os.environ[BEAM_ARGS]
    set_environment(plan)
    assert BEAM_ARGS not in os.environ
    set_environment(elsewhere)
    assert shlex.split(os.environ[BEAM_ARGS]) == arguments
    os.environ[BEAM_ARGS] = "--runner=Other"
    set_environment(elsewhere)
    assert os.environ[BEAM_ARGS] == "--runner=Other"
