from __future__ import annotations

import json
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture
def make_operator(stub_environment, monkeypatch):
    """A NodeOperator outside a DAG whose node is the stub."""
    for name, value in stub_environment.items():
        monkeypatch.setenv(name, value)

    def make(*arguments: str, module: str = "pipelines.run_node", **more):
        from dags.operators import NodeOperator

        return NodeOperator(task_id="Trainer", module=module, arguments=arguments, retries=2, **more)

    return make


def calls(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "calls.jsonl").read_text().splitlines()]


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

    from dags.operators import read_result

    with pytest.raises(AirflowException, match="no readable result"):
        read_result(tmp_path / "none.json")
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(AirflowException, match="no JSON object"):
        read_result(tmp_path / "list.json")
