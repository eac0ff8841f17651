from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.dags.receiver import TOKEN, Receiver

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def run_dag(load_dags, detectors, detector_yaml, stub_environment, monkeypatch, receiver, tmp_path):
    """Runs the real DAG of a detector whose alerts go to the receiver; the nodes are stubs."""

    def run(alerts: str = "on: [failure, refused]", **steering: dict):
        for name, value in stub_environment.items():
            if name.startswith("UPCYCLE"):
                monkeypatch.setenv(name, value)
        monkeypatch.setenv("HOOK", receiver.url)
        more = f"tasks: {{retries: 1, retry_delay: 1s}}\nalerts: {{to: '${{HOOK}}', {alerts}}}\n"
        (detectors / "signs.yaml").write_text(detector_yaml("signs") + more)
        for node, order in steering.items():
            (tmp_path / f"{node}.json").write_text(json.dumps(order))
        bag = load_dags()
        assert bag.import_errors == {}
        return bag.dags["retrain_signs"].test()

    return run


@pytest.fixture
def evaluation(tmp_path):
    """Writes what the Evaluator would, where the stub says it is."""

    def write(blessed: bool) -> None:
        folder = tmp_path / "home" / "signs" / "evaluation"
        folder.mkdir(parents=True)
        rules = [
            {"rule": "proof", "passed": True, "sentence": "passed: the conversion is proved"},
            {"rule": "floor", "passed": blessed, "sentence": "mAP@0.5 0.300, at least 0.400 wanted"},
        ]
        (folder / "metrics.json").write_text(json.dumps({"verdict": {"blessed": blessed, "rules": rules}}))

    return write


def test_a_failure_is_told_once_after_the_last_retry(run_dag, receiver):
    run = run_dag(Trainer={"exit": 1, "times": 2})
    assert run.state == "failed"
    (message,) = receiver.messages
    assert (message["title"], message["type"]) == ("[signs] failed: Trainer", "failure")
    body = message["message"]
    assert "no retry is left" in body and "Trainer failed with 1" in body
    assert "    the label map is empty\n" in body and "fix:   add items" in body
    assert f"Run:        {run.run_id}\n" in body and "attempt 2" in body
    assert "/dags/retrain_signs/runs/" in body and "/tasks/Trainer" in body


def test_a_publication_and_bad_data_are_told_and_a_retry_is_not(run_dag, receiver, evaluation, tmp_path):
    evaluation(blessed=True)
    pushed = {"pushed": 1, "version": 3, "pushed_destination": "/serving/versions/3"}
    run = run_dag(
        alerts="on: [failure, quarantine, published], quarantined: 0.03",
        ExampleGen={"result": quarantine(tmp_path / "many", bad=4)["ExampleGen"]},
        Trainer={"exit": 1, "times": 1},
        Pusher={"result": {"properties": {"pushed_model": pushed}}},
    )
    assert run.state == "success"
    assert [message["title"] for message in receiver.messages] == [
        "[signs] 4.0% of the data is bad",
        "[signs] published: version 3",
    ]


def test_bad_input_is_told_as_that(run_dag, receiver):
    assert run_dag(ConfigValidator={"exit": 78, "times": 1}).state == "failed"
    (message,) = receiver.messages
    assert message["title"] == "[signs] failed: ConfigValidator"
    assert "Bad input (exit code 78)" in message["message"]


def test_a_refusal_is_told_with_every_reason(run_dag, receiver, evaluation):
    evaluation(blessed=False)
    run = run_dag(Pusher={"exit": 99, "times": 1})
    assert run.state == "success"
    (message,) = receiver.messages
    assert (message["title"], message["type"]) == (
        "[signs] refused: mAP@0.5 0.300, at least 0.400 wanted",
        "warning",
    )
    reasons = "- mAP@0.5 0.300, at least 0.400 wanted\n- passed: the conversion is proved\n"
    assert reasons in message["message"]
    assert "/upcycle/reports/signs/evaluation/report.html" in message["message"]
    assert receiver.paths == [f"/{TOKEN}"]


@pytest.fixture
def call(load_dags, detectors, detector_yaml, monkeypatch, receiver, tmp_path):
    """Calls a task's callbacks as Airflow does, each time for another run, with results of the test's."""
    monkeypatch.setenv("UPCYCLE_HOME", str(tmp_path / "home"))
    numbers = itertools.count(1)

    def run(
        task_id: str,
        kind: str,
        alerts: str,
        results: dict,
        exception: Exception | None = None,
        run_id: str = "",
    ) -> None:
        monkeypatch.setenv("HOOK", receiver.url)
        (detectors / "signs.yaml").write_text(
            detector_yaml("signs") + f"alerts: {{to: ['${{HOOK}}'], {alerts}}}\n"
        )
        task = load_dags().dags["retrain_signs"].get_task(task_id)
        ti = SimpleNamespace(
            task_id=task_id,
            dag_id="retrain_signs",
            try_number=1,
            log_url="http://127.0.0.1:8080/log",
            xcom_pull=lambda task_ids: results.get(task_ids),
            xcom_push=lambda key, value: None,
        )
        dag_run = SimpleNamespace(
            run_id=run_id or f"r {next(numbers)}", run_type="scheduled", triggering_user_name=None
        )
        context = {"ti": ti, "dag_run": dag_run, "exception": exception}
        for callback in getattr(task, f"on_{kind}_callback"):
            callback(context)

    return run


def test_a_publication_is_told_when_asked_for(call, receiver, evaluation, tmp_path):
    evaluation(blessed=True)
    pushed = {"pushed": 1, "version": 3, "pushed_destination": "/serving/versions/3"}
    results = {
        "Evaluator": {"outputs": {"evaluation": str(tmp_path / "home" / "signs" / "evaluation")}},
        "Pusher": {"properties": {"pushed_model": pushed}},
    }
    call("Pusher", "success", "on: [failure]", results)
    assert receiver.messages == []
    call("Pusher", "success", "on: [published]", results)
    (message,) = receiver.messages
    assert (message["title"], message["type"]) == ("[signs] published: version 3", "success")
    assert "Version 3 is in /serving/versions/3." in message["message"]
    assert "Started by: the schedule" in message["message"]


def quarantine(folder: Path, bad: int, cached: bool = False) -> dict:
    """The result of an ExampleGen that set `bad` of 100 images aside, and 5 more that are no fault."""
    folder.mkdir()
    counts = {"images_read": 100, "images_quarantined": bad + 5, "boxes_read": 50, "boxes_quarantined": 0}
    (folder / "statistics.json").write_text(json.dumps(counts))
    fault = {"code": "DATA004", "rule": "the picture can't be read", "file": "a.jpg", "object": None}
    lines = [fault | {"action": "quarantined", "detail": "cut off"}] * bad
    lines += [fault | {"code": "DATA027", "action": "left out", "detail": "data.negatives is false"}] * 5
    (folder / "quarantine.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return {"ExampleGen": {"cached": cached, "outputs": {"quarantine": str(folder)}}}


def test_much_bad_data_is_told_once_for_a_data_set(call, receiver, tmp_path):
    alerts = "quarantined: 0.03"
    call("ExampleGen", "success", alerts, quarantine(tmp_path / "few", bad=3))
    call("ExampleGen", "success", alerts, quarantine(tmp_path / "cached", bad=4, cached=True))
    assert receiver.messages == []
    call("ExampleGen", "success", alerts, quarantine(tmp_path / "many", bad=4))
    (message,) = receiver.messages
    assert (message["title"], message["type"]) == ("[signs] 4.0% of the data is bad", "warning")
    assert "4 of 100 images were set aside (4.0%; alerts.quarantined is 3.0%)" in message["message"]
    assert "- DATA004 the picture can't be read: 4, e.g. a.jpg: cut off" in message["message"]


def test_a_stop_because_of_bad_data_is_told_as_that(call, receiver):
    from airflow.sdk.exceptions import AirflowFailException

    error = AirflowFailException(
        "ExampleGen can't use its input; a retry can't help\n"
        "error: 9 of 100 images can't be used (9.0%, allowed are 5.0%):\n"
        "    DATA004 the picture can't be read: 9, e.g. a.jpg: cut off\n"
        "  fix:   correct the annotations above, or raise data.max_quarantined"
    )
    call("ExampleGen", "failure", "on: [quarantine]", {}, error)
    call("ExampleGen", "failure", "on: [failure]", {}, error)
    call("Trainer", "failure", "on: [quarantine]", {}, error)
    first, second = receiver.messages
    assert first["title"] == "[signs] stopped: too much bad data"
    assert "DATA004 the picture can't be read: 9" in first["message"]
    assert second["title"] == "[signs] failed: ExampleGen"


def test_a_task_that_vanished_is_told_without_an_exception(call, receiver):
    """As the DAG processor calls it after a kill -9 of the worker."""
    call("Trainer", "failure", "on: [failure]", {})
    assert "Its process vanished" in receiver.messages[0]["message"]


def test_a_callback_that_airflow_calls_twice_tells_once(call, receiver):
    """As it can for an attempt whose worker was killed."""
    for _ in range(2):
        call("Trainer", "failure", "on: [failure]", {}, run_id="the same")
    assert len(receiver.messages) == 1


def test_no_address_is_kept_or_shown(load_dags, detectors, detector_yaml, monkeypatch, caplog, receiver):
    from airflow.serialization.serialized_objects import DagSerialization

    from dags.alert_delivery import Message
    from dags.alerts import tell
    from pipelines.spec import DetectorSpec

    receiver.status = 500
    monkeypatch.setenv("HOOK", receiver.url)
    path = detectors / "signs.yaml"
    path.write_text(
        detector_yaml("signs") + "alerts: {to: ['${HOOK}', 'json://u:password9@127.0.0.1:1/x']}\n"
    )
    spec = DetectorSpec.from_file(path)
    assert spec.alerts.to[0] == "${HOOK}"
    stored = spec.model_dump_json()  # as in a run's plan
    assert "${HOOK}" in stored and "password9" not in stored
    assert TOKEN not in str(DagSerialization.to_dict(load_dags().dags["retrain_signs"]))
    caplog.set_level("DEBUG")
    problems = tell(spec, path, Message("title", "body"))
    assert "address 1 (json://...) did not take the message" in problems[0] and "500" in problems[0]
    assert "address 2 (json://...) did not take the message" in problems[1]
    said = "\n".join(
        [*problems, *(record.getMessage() for record in caplog.records if "apprise" not in record.name)]
    )
    assert "alert 'title'" in said
    assert TOKEN not in "\n".join(problems) and "password9" not in said


def test_a_receiver_that_hangs_holds_up_nobody(receiver):
    from dags.alert_address import Address
    from dags.alert_delivery import Message, deliver

    receiver.delay = 30
    quick = Receiver()
    started = time.monotonic()
    problems = deliver(
        [Address("slow", receiver.url), Address("quick", quick.url)], Message("t", "b"), seconds=3
    )
    assert time.monotonic() - started < 10
    assert problems == ["slow did not take the message: no answer within 3 s"]
    assert len(quick.messages) == 1
    quick.close()


def resolved(*to: str, **environ: str) -> tuple[list[str], list[str]]:
    from dags.alert_address import resolve

    found, problems = resolve(to, "signs.yaml", environ)
    return [address.url for address in found], [str(problem) for problem in problems]


def test_addresses():
    smtp = "mailtos://user:pw@smtp.example.org:587?from=upcycle@example.org"
    assert resolved("json://127.0.0.1/x", "${CHAT}", CHAT="slack://a/b/c") == (
        ["json://127.0.0.1/x", "slack://a/b/c"],
        [],
    )
    assert resolved("anna@example.org", UPCYCLE_SMTP_URL=smtp) == ([f"{smtp}&to=anna%40example.org"], [])
    found, (unset, no_server, no_address) = resolved("${CHAT}", "anna@example.org", "${BAD}", BAD="chat")
    assert found == []
    assert "CHAT is not set" in unset and "signs.yaml: alerts.to, address 1" in unset
    assert "UPCYCLE_SMTP_URL is not set" in no_server and "mailtos://USER" in no_server
    assert "neither SCHEME://" in no_address


@pytest.mark.parametrize("address", ["chat", "http//x", "@", "a b@example.org", "anna@"])
def test_what_is_no_address_makes_a_broken_detector(load_dags, detectors, detector_yaml, address):
    (detectors / "signs.yaml").write_text(detector_yaml("signs") + f"alerts: {{to: ['{address}']}}\n")
    page = load_dags().dags["retrain_signs"].doc_md
    assert (
        "can't be used" in page and "address 1 of alerts.to is neither SCHEME://" in page and "alerts" in page
    )


def test_the_list_of_schemes_is_apprise_s_own():
    from dags.alert_schemes import known_schemes

    kept = (ROOT / "pipelines" / "alert_schemes.txt").read_text().split()
    assert kept == known_schemes(), "python -m dags.alert_schemes > pipelines/alert_schemes.txt"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("slak://token/a/b", "apprise knows no scheme slak://; did you mean slack://?"),
        ("mailt0s://u:p@example.org", "did you mean mailtos://?"),
        ("quux://x", "https://github.com/caronc/apprise/wiki has all of them"),
        ("SLACK://token/a/b", None),
        ("https://discord.com/api/webhooks/1/t", None),  # apprise knows it by its page
        ("${CHAT}://x", None),
        ("anna@example.org", None),
    ],
)
def test_an_unknown_scheme_is_found_when_the_file_is_read(load_dags, detectors, detector_yaml, address, said):
    path = detectors / "signs.yaml"
    path.write_text(detector_yaml("signs") + f"alerts:\n  to: [json://127.0.0.1/x, '{address}']\n")
    page = load_dags().dags["retrain_signs"].doc_md
    assert ("can't be used" in page) == (said is not None)
    if said:
        assert "address 2 of alerts.to: " in page and said in page and "token" not in page


def test_a_file_is_checked_without_apprise(stub_environment, detectors, detector_yaml):
    path = detectors / "signs.yaml"
    path.write_text(detector_yaml("signs") + "alerts: {to: 'slak://x'}\n")
    program = (
        "import sys; from pathlib import Path; from pipelines.spec import DetectorSpec, SpecError\n"
        "try:\n    DetectorSpec.from_file(Path(sys.argv[1]))\n"
        "except SpecError as error:\n    print(error.exit_code, error)\n"
        "assert 'apprise' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env=stub_environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("78 ") and "did you mean slack://?" in done.stdout


def command(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments], env=environment, capture_output=True, text=True, timeout=120
    )


def test_the_command_sends_a_test_message(stub_environment, detectors, detector_yaml, receiver):
    path = detectors / "signs.yaml"
    path.write_text(detector_yaml("signs") + "alerts: {to: ['${HOOK}']}\n")
    unset = command(stub_environment, "dags.alerts", "--test", str(path))
    assert unset.returncode == 78 and "HOOK is not set" in unset.stderr and "fix:" in unset.stderr
    wrong = command(stub_environment | {"HOOK": f"slak://{TOKEN}"}, "dags.alerts", "--test", str(path))
    assert wrong.returncode == 78 and "apprise can't read address 1 (slak://...)" in wrong.stderr
    assert TOKEN not in wrong.stdout + wrong.stderr and receiver.messages == []
    sent = command(stub_environment | {"HOOK": receiver.url}, "dags.alerts", "--test", str(path))
    assert (sent.returncode, sent.stdout) == (0, "1 of 1 receivers took the test message\n"), sent.stderr
    assert receiver.messages[0]["title"] == "[signs] test"
    receiver.status = 403
    refused = command(stub_environment | {"HOOK": receiver.url}, "dags.alerts", "--test", str(path))
    assert refused.returncode == 1 and "did not take the message" in refused.stderr
    assert TOKEN not in refused.stdout + refused.stderr
    nobody = command(
        stub_environment, "dags.alerts", "--test", str(_without_alerts(detectors, detector_yaml))
    )
    assert nobody.returncode == 78 and "alerts.to is empty" in nobody.stderr


def _without_alerts(detectors: Path, detector_yaml) -> Path:
    path = detectors / "quiet.yaml"
    path.write_text(detector_yaml("quiet"))
    return path
