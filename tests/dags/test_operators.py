from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from dags.one_attempt import one_attempt
from tests.dags.stub import calls

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def make_operator(stub_environment, monkeypatch):
    """A NodeOperator outside a DAG whose node is the stub."""
    for name, value in stub_environment.items():
        monkeypatch.setenv(name, value)

    def make(*arguments: str, module: str = "pipelines.run_node", **more):
        from dags.operators import NodeOperator

        return NodeOperator(task_id="Trainer", module=module, arguments=arguments, retries=2, **more)

    return make


def execute(operator, attempt: int = 1):
    return operator.execute({"ti": SimpleNamespace(try_number=attempt)})


def test_result_file_becomes_the_xcom(make_operator, tmp_path):
    result = execute(make_operator("--plan=/p/run 1", "", "--node=Trainer", ""))
    assert result == {"node": "Trainer", "cached": False, "seconds": 0.1, "outputs": {}}
    (call,) = calls(tmp_path)
    assert (call["module"], call["plan"], call["node"]) == ("pipelines.run_node", "/p/run 1", "Trainer")
    assert not Path(call["result"]).exists()


def test_environment_is_the_allow_list(make_operator, tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_ROOT", "/data")
    monkeypatch.setenv("SOME_TOKEN", "secret")
    execute(make_operator("--node=Trainer", pass_variables=["DATA_ROOT"]))
    (call,) = calls(tmp_path)
    assert {"PATH", "UPCYCLE_HOME", "DATA_ROOT", "PYTHONUNBUFFERED"} <= set(call["environment"])
    assert not [n for n in call["environment"] if n.startswith("AIRFLOW") or n == "SOME_TOKEN"]


def test_a_node_without_result(make_operator):
    assert execute(make_operator(module="pipelines.summary", has_result=False)) == {}


@pytest.mark.parametrize(
    ("exit_code", "exception"),
    [(78, "AirflowFailException"), (99, "AirflowSkipException"), (1, "AirflowException")],
)
def test_exit_codes(make_operator, tmp_path, exit_code, exception):
    from airflow.sdk.exceptions import AirflowException

    (tmp_path / "Trainer.json").write_text(json.dumps({"exit": exit_code, "times": 1}))
    with pytest.raises(AirflowException) as caught:
        execute(make_operator("--node=Trainer"))
    assert type(caught.value).__name__ == exception
    assert "the label map is empty\n  where: label_map.pbtxt\n  fix:   add items" in str(caught.value)


def test_observers_hear_of_retries(make_operator, tmp_path, monkeypatch):
    from airflow.sdk.exceptions import AirflowException

    from dags import operators

    outcomes = []
    observer = SimpleNamespace(
        started=lambda *a: None, line=lambda *a: None, finished=lambda task, outcome: outcomes.append(outcome)
    )
    monkeypatch.setattr(operators, "observers", [observer])
    (tmp_path / "Trainer.json").write_text(json.dumps({"exit": 1, "times": 2}))
    for attempt in (1, 3):
        with pytest.raises(AirflowException):
            execute(make_operator("--node=Trainer"), attempt)
    execute(make_operator("--node=Trainer"), 3)
    assert [(o.exit_code, o.will_retry) for o in outcomes] == [(1, True), (1, False), (0, False)]


def test_on_kill_ends_the_node(make_operator, tmp_path, has_ended):
    from airflow.sdk.exceptions import AirflowException

    (tmp_path / "Trainer.json").write_text(json.dumps({"sleep": 60}))
    operator = make_operator("--node=Trainer")
    signal.signal(signal.SIGALRM, lambda *_: operator.on_kill())
    signal.setitimer(signal.ITIMER_REAL, 1.5)
    with pytest.raises(AirflowException, match="Trainer failed with 1"):
        execute(operator)
    first, helper, stopped = calls(tmp_path)
    assert stopped == {"node": "Trainer", "signal": signal.SIGTERM}
    assert has_ended(first["pid"]) and has_ended(helper["helper"])


def test_a_missing_result_is_a_failure_not_a_success(tmp_path):
    from airflow.sdk.exceptions import AirflowException

    from dags.results import read_result

    with pytest.raises(AirflowException, match="no readable result"):
        read_result(tmp_path / "none.json")
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(AirflowException, match="no JSON object"):
        read_result(tmp_path / "list.json")


def test_long_texts_stay_out_of_airflows_database(make_operator, tmp_path):
    from airflow.sdk.exceptions import AirflowException

    from dags.results import MOST_BYTES, made_small

    numbers = {"model": {"steps": 7, "loss": 0.25}}
    small = made_small({"outputs": {"model": "/runs/model"}, "properties": numbers})
    assert small == {"outputs": {"model": "/runs/model"}, "properties": numbers}

    texts = {"model": {"steps": 7, "note": "n" * 5000}}
    (tmp_path / "Trainer.json").write_text(json.dumps({"result": {"properties": texts}}))
    cut = execute(make_operator("--node=Trainer"))["properties"]["model"]
    assert (cut["steps"], len(cut["note"]), cut["note"][-2:]) == (7, 1000, "n…")

    many = {"model": {"steps": 7} | {f"note {index}": "n" * 900 for index in range(40)}}
    small = made_small({"outputs": {"model": "/runs/model"}, "properties": many})
    assert small == {"outputs": {"model": "/runs/model"}, "properties": {"model": {"steps": 7}}}
    with pytest.raises(AirflowException, match=f"more than {MOST_BYTES}"):
        made_small({"outputs": {f"key {index}": "/" * 900 for index in range(40)}})


def test_an_attempt_waits_for_the_end_of_the_one_before(make_operator, tmp_path):
    (tmp_path / "Trainer.json").write_text(json.dumps({"sleep": 60}))
    script = (
        "from types import SimpleNamespace; from dags.operators import NodeOperator\n"
        "run = {'module': 'pipelines.run_node', 'arguments': ['--node=Trainer']}\n"
        "NodeOperator(task_id='Trainer', **run).execute({'ti': SimpleNamespace(try_number=1)})"
    )
    earlier = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (tmp_path / "calls.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    [first, *_] = calls(tmp_path)
    (tmp_path / "Trainer.json").unlink()
    operator = make_operator("--node=Trainer")
    signal.signal(signal.SIGALRM, lambda *_: earlier.kill())
    signal.setitimer(signal.ITIMER_REAL, 2)
    assert execute(operator)["node"] == "Trainer"
    earlier.wait()
    assert operator._waits
    assert [call["beside"] for call in calls(tmp_path) if "beside" in call] == [False, False]

    stuck = make_operator("--node=Trainer")
    with one_attempt(tmp_path / "home" / ".airflow" / "locks", f"{stuck.dag_id}.Trainer", lambda: None):
        stuck.on_kill()
        with pytest.raises(Exception, match="Trainer was stopped before it started"):
            execute(stuck)


def test_stopped_before_there_was_a_process(make_operator, tmp_path):
    from airflow.sdk.exceptions import AirflowException

    (tmp_path / "Trainer.json").write_text(json.dumps({"sleep": 60}))
    operator = make_operator("--node=Trainer")
    operator.on_kill()
    with pytest.raises(AirflowException, match="Trainer"):
        execute(operator)


def test_values_of_the_environment_are_masked(make_operator, tmp_path, monkeypatch):
    from airflow.sdk.log import redact

    folder = tmp_path / "a folder that is there"
    folder.mkdir()
    values = {
        "STORE_KEY": "correct horse",
        "STORE_URL": "mysql://ann:battery%20staple@db/x",
        "DATA_ROOT": str(folder),
        "SHORT": "abc",
        "NOT_NAMED": "not a secret",
        "UPCYCLE_METADATA_URL": "postgresql://ann:stapled%2Fwell@db/x",
        "AWS_SECRET_ACCESS_KEY": "key of a bucket",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    execute(make_operator("--node=Trainer", pass_variables=["STORE_KEY", "STORE_URL", "DATA_ROOT", "SHORT"]))
    said = f"correct horse, battery staple, {folder}, abc, not a secret, stapled/well, key of a bucket, ann"
    assert redact(said) == f"***, ***, {folder}, abc, not a secret, ***, ***, ann"
