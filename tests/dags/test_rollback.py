"""The rollback DAG: its form, its command, and a run of it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from airflow.sdk.exceptions import ParamValidationError

from tests.dags.receiver import Receiver


def test_the_form_asks_for_a_version_and_a_reason(load_dags):
    dag = load_dags().dags["rollback_signs"]
    fields = {name: dag.params.get_param(name) for name in dag.params}
    assert {name: field.schema["type"] for name, field in fields.items()} == {
        "version": "integer",
        "why": "string",
    }
    assert all(field.schema["title"] and field.description for field in fields.values())
    assert not dag.timetable.can_be_scheduled and dag.max_active_runs == 1
    for wrong in ({"version": 0, "why": "x"}, {"version": "one", "why": "x"}, {"version": 1, "why": ""}):
        with pytest.raises(ParamValidationError):
            fields["version"].resolve(wrong["version"])
            fields["why"].resolve(wrong["why"])


def test_a_run_calls_the_command_line(stub_environment, tmp_path):
    why = "misses signs at night; {{ not a template }}"
    script = (
        "import sys; from dags import embedded, environment\n"
        "from dags.terminal import TerminalObserver\n"
        "environment.apply(environment.airflow_settings(environment.upcycle_home() / 'airflow', port=8080))\n"
        f"given = {{'version': 3, 'why': {why!r}}}\n"
        "sys.exit(embedded.run('rollback_signs', given, TerminalObserver(sys.stdout)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=stub_environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (call,) = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    assert (call["module"], call["words"]) == ("pipelines.cli", ["rollback", "signs"])
    assert (call["to"], call["why"], call["result"]) == ("3", why, None)
    assert call["triggered_by"]


@pytest.mark.parametrize(
    ("code", "attempts", "why"), [(1, 2, "no retry is left"), (78, 1, "Bad input (exit code 78)")]
)
def test_a_rollback_that_fails_is_told_once(
    load_dags, detectors, detector_yaml, stub_environment, monkeypatch, tmp_path, code, attempts, why
):
    receiver = Receiver()
    try:
        for name, value in stub_environment.items():
            if name.startswith("UPCYCLE"):
                monkeypatch.setenv(name, value)
        monkeypatch.setenv("HOOK", receiver.url)
        more = "tasks: {retries: 1, retry_delay: 1s}\nalerts: {to: '${HOOK}'}\n"
        (detectors / "signs.yaml").write_text(detector_yaml("signs") + more)
        (tmp_path / "cli.json").write_text(json.dumps({"exit": code, "times": 2}))
        dag = load_dags().dags["rollback_signs"]
        run = dag.test(run_conf={"version": 9, "why": "misses signs at night"})
        assert run.state == "failed"
        calls = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
        assert [call["words"] for call in calls] == [["rollback", "signs"]] * attempts
        (message,) = receiver.messages
        assert (message["title"], message["type"]) == ("[signs] failed: rollback", "failure")
        assert why in message["message"] and "    the label map is empty\n" in message["message"]
        assert f"Run:        {run.run_id}\n" in message["message"]
        assert "/dags/rollback_signs/runs/" in message["message"]
    finally:
        receiver.close()


def test_without_receivers_a_rollback_calls_nobody(load_dags):
    assert load_dags().dags["rollback_signs"].get_task("rollback").on_failure_callback == []
