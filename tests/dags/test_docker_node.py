from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.dags.fake_docker import Container, FakeDocker
from tests.dags.stub import calls, steer_trainer
from tests.dags.task_runner import Attempt, TaskRunner, attempts

RESULT = {"node": "Trainer", "cached": False, "seconds": 0.1, "outputs": {}}


@pytest.fixture
def engine(stub_environment: dict[str, str], tmp_path: Path) -> Iterator[FakeDocker]:
    own = {"PATH": os.environ["PATH"], "UPCYCLE_STUB": str(tmp_path)}
    engine = FakeDocker(Path(stub_environment["UPCYCLE_ML_PYTHON"]), own)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def runner(airflow_in_tmp: None) -> Iterator[TaskRunner]:
    runner = TaskRunner("docker")
    yield runner
    runner.close()


@pytest.fixture
def attempt(
    runner: TaskRunner,
    stub_environment: dict[str, str],
    engine: FakeDocker,
    detectors: Path,
    detector_yaml: Callable[..., str],
) -> Iterator[Callable[..., Attempt]]:
    """Starts an attempt at the Trainer."""
    detector = detectors / "signs.yaml"
    detector.write_text(detector_yaml("signs", executor="docker"))
    environment = stub_environment | {"DOCKER_HOST": engine.url, "BUCKET": "b"}
    with attempts(runner, detector, environment) as start:
        yield start


def works(engine: FakeDocker, count: int = 1) -> Container:
    """The container number `count`, once its node works."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        if len(engine.created) >= count and engine.created[count - 1].output:
            return engine.created[count - 1]
        time.sleep(0.1)
    raise AssertionError(engine.requests)


def nothing_is_left(engine: FakeDocker, folder: Path) -> bool:
    return engine.containers == {} and list((folder / "home" / ".results").iterdir()) == []


def test_a_node_runs_and_hands_back_its_result(attempt, engine, tmp_path):
    one = attempt(UPCYCLE_METADATA_URL="postgresql://kim:secret@host/db", SOME_TOKEN="t")
    assert one.outcome() == {"result": RESULT}
    assert "Trainer works" in one.log  # its output is the task's log
    (call,) = calls(tmp_path)
    assert (call["module"], call["plan"], call["node"]) == ("pipelines.run_node", "/p", "Trainer")
    assert {"BUCKET", "UPCYCLE_METADATA_URL", "UPCYCLE_HOME", "UPCYCLE_DETECTORS"} <= set(call["environment"])
    assert not [name for name in call["environment"] if name.startswith("AIRFLOW") or name == "SOME_TOKEN"]
    body = engine.created[0].body
    assert "secret" not in json.dumps({name: value for name, value in body.items() if name != "Env"})
    assert "secret" not in one.log
    assert nothing_is_left(engine, tmp_path)


@pytest.mark.parametrize(
    ("exit_code", "exception"),
    [(78, "AirflowFailException"), (99, "AirflowSkipException"), (1, "AirflowException")],
)
def test_exit_codes(attempt, engine, tmp_path, exit_code, exception):
    steer_trainer(tmp_path, exit=exit_code, times=1)
    outcome = attempt().outcome()
    assert outcome["error"] == exception
    assert "the label map is empty\n  where: label_map.pbtxt\n  fix:   add items" in outcome["message"]
    assert nothing_is_left(engine, tmp_path)


def test_the_attempt_after_a_killed_worker_follows_the_running_container(attempt, engine, tmp_path):
    steer_trainer(tmp_path, sleep=8)
    first = attempt()
    container = works(engine)
    first.kill()
    assert engine.running() == [container]
    second = attempt()
    assert second.outcome() == {"result": RESULT}
    assert "following it" in second.log and "Trainer works" in second.log
    assert engine.created == [container] and nothing_is_left(engine, tmp_path)


def test_what_ended_well_meanwhile_is_not_run_again(attempt, engine, tmp_path):
    steer_trainer(tmp_path, sleep=2)
    first = attempt()
    container = works(engine)
    first.kill()
    assert container.wait(240)
    assert attempt().outcome() == {"result": RESULT}
    assert engine.created == [container] and nothing_is_left(engine, tmp_path)


@pytest.mark.parametrize(("exit_code", "runs"), [(78, 1), (1, 2)])
def test_what_failed_meanwhile(attempt, engine, tmp_path, exit_code, runs):
    steer_trainer(tmp_path, sleep=2, exit=exit_code, times=1)
    first = attempt()
    container = works(engine)
    first.kill()
    assert container.wait(240)
    steer_trainer(tmp_path)
    outcome = attempt().outcome()
    # Bad input stays bad input; any other failure is worth another try, at once.
    assert outcome.get("error") == ("AirflowFailException" if runs == 1 else None)
    assert len(engine.created) == runs and nothing_is_left(engine, tmp_path)


def test_a_container_with_another_command_is_ended_first(attempt, engine, tmp_path):
    steer_trainer(tmp_path, sleep=300)
    first = attempt()
    old = works(engine)
    first.kill()
    steer_trainer(tmp_path)
    second = attempt("--plan=/p~2", "--node=Trainer")
    assert second.outcome() == {"result": RESULT}
    assert old.wait(60) and old.exit_code == 128 + signal.SIGKILL
    assert len(engine.created) == 2 and nothing_is_left(engine, tmp_path)
    assert "another command" in second.log


@pytest.mark.parametrize("attempts", [1, 2])
def test_stopping_a_task_stops_its_container(attempt, engine, tmp_path, attempts):
    steer_trainer(tmp_path, sleep=300)
    one = attempt()
    container = works(engine)
    if attempts == 2:  # one that follows what a killed worker left
        one.kill()
        logs = f"GET /containers/{container.id}/logs"
        one = attempt()
        deadline = time.monotonic() + 240
        while logs not in engine.requests and time.monotonic() < deadline:
            time.sleep(0.1)
    one.kill(signal.SIGTERM)
    assert one.outcome()["error"] == "AirflowException"
    assert container.wait(60)
    assert {"node": "Trainer", "signal": signal.SIGTERM} in calls(tmp_path)
    assert nothing_is_left(engine, tmp_path)


CONTAINERS = """
containers:
  image: registry/ml:7
  gpus: -1
  cpu: "1.5"
  memory: 2Gi
  volumes:
    - {source: /srv/pictures}
    - {source: /srv/cache, path: /cache, read_only: false}
  secrets: [TOKEN]
"""


def test_every_setting_reaches_the_engine(attempt, engine, detectors, tmp_path):
    with (detectors / "signs.yaml").open("a") as file:
        file.write(CONTAINERS)
    one = attempt(TOKEN="hunter2", AIRFLOW_HOME=str(tmp_path / "home" / ".airflow"))
    assert one.outcome() == {"result": RESULT}
    body = engine.created[0].body
    assert body["Image"] == "registry/ml:7" and "TOKEN=hunter2" in body["Env"]
    host = body["HostConfig"]
    assert (host["CpuShares"], host["Memory"], host["NetworkMode"]) == (1536, 2 << 30, "none")
    assert (host["DeviceRequests"][0]["Count"], host["DeviceRequests"][0]["Capabilities"]) == (-1, [["gpu"]])
    home = str(tmp_path / "home")
    assert [(m["Type"], m["Source"], m["Target"], m["ReadOnly"]) for m in host["Mounts"]] == [
        ("bind", home, home, False),
        ("bind", str(detectors), str(detectors), True),
        ("bind", "/srv/pictures", "/srv/pictures", True),
        ("bind", "/srv/cache", "/cache", False),
        ("tmpfs", None, f"{home}/.airflow", False),  # Airflow's keys are not for nodes
    ]
    assert body["User"] == f"{os.getuid()}:{os.getgid()}"
    assert "hunter2" not in json.dumps(body["Labels"]) + json.dumps(body["Cmd"]) + one.log


def test_a_secret_comes_from_the_secrets_back_end_too(attempt, engine, detectors):
    with (detectors / "signs.yaml").open("a") as file:
        file.write("containers: {secrets: [TOKEN]}\n")
    assert attempt(AIRFLOW_VAR_TOKEN="hunter3").outcome() == {"result": RESULT}
    assert "TOKEN=hunter3" in engine.created[0].body["Env"]


def test_a_secret_without_a_value_is_bad_input(attempt, engine, detectors):
    with (detectors / "signs.yaml").open("a") as file:
        file.write("containers: {secrets: [TOKEN]}\n")
    outcome = attempt().outcome()
    assert outcome["error"] == "AirflowFailException"
    assert "the secret TOKEN has no value\n  where: containers.secrets" in outcome["message"]
    assert engine.created == []


def test_an_engine_that_does_not_answer_is_a_failure_worth_a_retry(attempt):
    outcome = attempt(DOCKER_HOST="tcp://127.0.0.1:9").outcome()
    assert outcome["error"] == "AirflowException" and "Docker host" in outcome["message"]


def test_an_image_that_is_nowhere_is_said(attempt, engine):
    engine.has_image = False
    outcome = attempt().outcome()
    assert outcome["error"] == "AirflowException" and engine.created == []
    assert "no image upcycle-ml:latest, and can't pull it\n  where: containers.image" in outcome["message"]
