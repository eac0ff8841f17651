"""Who gets in, what a file of others can do, and where a password may appear: nowhere."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dags import credentials, environment
from pipelines.spec import DetectorSpec
from tests.airflow.processes import listening_on
from tests.airflow.server import Server
from tests.dags.stub import calls

ROOT = Path(__file__).resolve().parents[2]
URL_PASSWORD, ALERT_PASSWORD, TOKEN = "hunter2-in-a-url", "hunter3-in-an-alert", "hunter4-as-a-secret"
SECRETS = {
    "UPCYCLE_METADATA_URL": f"postgresql://kim:{URL_PASSWORD}@127.0.0.1/db",
    "ALERT_URL": f"json://kim:{ALERT_PASSWORD}@127.0.0.1:9",
    "TOKEN": TOKEN,
}
ALERTS = "alerts: {to: ['${ALERT_URL}'], on: [silence], silent_days: 30}\n"


def secrets_in(text: str) -> list[str]:
    return [secret for secret in (URL_PASSWORD, ALERT_PASSWORD, TOKEN) if secret in text]


def files_with_secrets(folder: Path) -> list[Path]:
    return [
        file
        for file in folder.rglob("*")
        if file.is_file() and secrets_in(file.read_bytes().decode("utf-8", "replace"))
    ]


@pytest.fixture(scope="module")
def web(airflow_in_tmp: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Airflow's web application with log-in and its plugins, and a report under UPCYCLE_HOME."""
    from airflow.api_fastapi.app import create_app, purge_cached_app
    from fastapi.testclient import TestClient

    home = tmp_path_factory.mktemp("home")
    for detector in ("signs", "boards"):
        (home / detector / "evaluation").mkdir(parents=True)
        (home / detector / "evaluation" / "report.html").write_text(f"<p>{detector}</p>")
    (home / "signs" / "secret.txt").write_text("secret")
    (home.parent / "report.html").write_text("outside")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UPCYCLE_HOME", str(home))
        patch.setenv(environment.USERS, "admin:admin,guest:")
        patch.setenv(environment.PASSWORDS_FILE, str(credentials.passwords(home, "admin,guest")))
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "False")
        purge_cached_app()
        yield TestClient(create_app(apps="core"), follow_redirects=False)
    purge_cached_app()


def token(web: Any, user: str) -> str:
    known = json.loads(credentials.password_file(environment.upcycle_home()).read_text())
    answer = web.post("/auth/token", json={"username": user, "password": known[user]})
    assert answer.status_code == 201
    return answer.json()["access_token"]


REPORT = "/upcycle/reports/signs/evaluation/report.html"


def test_nobody_gets_in_without_the_password(web):
    assert web.get("/api/v2/dags").status_code == 401
    assert web.get("/auth/token").status_code == 403
    for password in ("", "admin", "x" * 24):
        body = {"username": "admin", "password": password}
        assert web.post("/auth/token", json=body).status_code in (400, 401)


def test_pages_of_the_plugin_need_the_log_in_too(web):
    assert web.get(REPORT).status_code == 401
    assert web.get(REPORT, headers={"Authorization": "Bearer nonsense"}).status_code == 403
    browser = web.get(REPORT, headers={"Accept": "text/html"})
    assert browser.status_code == 303
    assert browser.headers["location"].startswith("/auth/login?next=http%3A%2F%2Ftestserver%2Fupcycle%2F")


def test_who_has_logged_in_reads_a_report(web):
    admin = token(web, "admin")
    by_token = web.get(REPORT, headers={"Authorization": f"Bearer {admin}"})
    by_cookie = web.get(REPORT, headers={"Cookie": f"_token={admin}"})
    assert by_token.text == by_cookie.text == "<p>signs</p>"
    assert by_token.headers["content-security-policy"] == "sandbox allow-scripts"


def test_a_user_without_rights_on_the_dag_reads_no_report(web):
    guest = token(web, "guest")
    assert web.get(REPORT, headers={"Authorization": f"Bearer {guest}"}).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "signs/secret.txt",
        "passwords.json",
        "..%2Freport.html",
        "signs/..%2F..%2Freport.html",
        "%2Fetc%2Fpasswd",
        "signs/evaluation/report.html%00",
    ],
)
def test_no_page_leaves_upcycle_home(web, path):
    headers = {"Authorization": f"Bearer {token(web, 'admin')}"}
    assert web.get(f"/upcycle/reports/{path}", headers=headers).status_code == 404


HOSTILE = "{{ 7*7 }} {% set x = 1 %} $(touch marker); touch marker & '\" `touch marker`"


def run_embedded(
    environment: dict[str, str], folder: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dags.embedded", *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=500,
    )


def test_a_run_takes_names_as_they_are_and_shows_no_secret(stub_environment, detector_yaml, tmp_path):
    folder = tmp_path / HOSTILE
    folder.mkdir()
    file = folder / f"a {HOSTILE}.yaml"
    text = detector_yaml("signs") + ALERTS
    file.write_text(text.replace("A detector for the tests", json.dumps(HOSTILE)))
    secret = stub_environment | SECRETS | {"UPCYCLE_DETECTORS": str(folder)}
    done = run_embedded(secret, tmp_path, "retrain_signs", f"--span={HOSTILE}")
    assert done.returncode == 0, done.stdout + done.stderr
    plan = next(call for call in calls(tmp_path) if call["node"] == "plan")
    assert (plan["detector"], plan["span"]) == (str(file), HOSTILE)
    assert not list(tmp_path.rglob("marker"))
    # Everything that Airflow and the nodes wrote: database, rendered templates, stored DAG, logs
    assert (tmp_path / "home" / ".airflow" / "embedded" / "airflow.db").is_file()
    assert files_with_secrets(tmp_path / "home") == []
    assert secrets_in(done.stdout + done.stderr) == []
    assert not [call for call in calls(tmp_path) if "ALERT_URL" in call["environment"]]


def test_descriptions_are_text_on_every_page(load_dags, detectors, detector_yaml):
    text = detector_yaml("signs").replace("A detector for the tests", json.dumps(HOSTILE))
    (detectors / "signs.yaml").write_text(text)
    dag = load_dags().dags["retrain_signs"]
    assert HOSTILE in dag.doc_md and dag.description == HOSTILE


def test_a_detectors_yaml_makes_no_python_objects(load_dags, detectors, detector_yaml, tmp_path):
    marker = tmp_path / "marker"
    for name, key in [("a", "description"), ("b", "alerts")]:
        attack = f"{key}: !!python/object/apply:os.mkdir ['{marker}']\n"
        text = detector_yaml(name).replace("description: A detector for the tests\n", "")
        (detectors / f"{name}.yaml").write_text(text + attack)
    dags = load_dags().dags
    for name in ("a", "b"):
        assert "could not determine a constructor" in dags[f"retrain_{name}"].doc_md
    assert not marker.exists()


def test_no_secret_is_stored_with_a_dag_of_any_executor(load_dags, detectors, detector_yaml, monkeypatch):
    from airflow.serialization.serialized_objects import DagSerialization

    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    for executor, secret in [("process", None), ("docker", "TOKEN"), ("kubernetes", "cloud-key")]:
        text = detector_yaml(executor, executor=executor) + ALERTS
        text += f"containers: {{secrets: [{secret}]}}\n" if secret else ""
        (detectors / f"{executor}.yaml").write_text(text)
    bag = load_dags()
    assert bag.import_errors == {} and len(bag.dags) >= 8
    for dag in bag.dags.values():
        assert secrets_in(json.dumps(DagSerialization.to_dict(dag), default=str)) == []
        assert secrets_in(str([vars(task) for task in dag.tasks])) == []


def test_a_plan_keeps_no_address_of_an_alert(detector_yaml, monkeypatch):
    monkeypatch.setenv("ALERT_URL", SECRETS["ALERT_URL"])
    spec = DetectorSpec.from_text(detector_yaml("signs") + ALERTS, "signs.yaml", Path("/d"))
    assert "${ALERT_URL}" in spec.model_dump_json()  # plan.json holds the spec
    assert secrets_in(spec.model_dump_json()) == []


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg2://kim:{URL_PASSWORD}@127.0.0.1:9/db",  # nobody listens
        f"postgresql+psycopg2//kim:{URL_PASSWORD}@127.0.0.1/db",  # no URL
    ],
)
def test_a_database_that_cannot_be_used_is_said_without_its_password(stub_environment, tmp_path, url):
    done = subprocess.run(
        [sys.executable, "-m", "dags.serve", "--port", "0"],
        env=stub_environment | {environment.DATABASE: url},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode != 0 and "`airflow db migrate` failed" in done.stdout
    assert secrets_in(done.stdout + done.stderr) == []
    # Airflow writes its settings into airflow.cfg, for itself alone.
    for file in files_with_secrets(tmp_path):
        assert file.name == "airflow.cfg" and stat.S_IMODE(file.stat().st_mode) == 0o600


class ServerWithLogin(Server):
    """`python -m dags.serve` as it is without options."""

    def start(self) -> None:
        """Starts it with log-in."""
        import threading

        self.process = subprocess.Popen(
            [sys.executable, "-m", "dags.serve", "--port", str(self.port)],
            env=self.environment,
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, args=[self.process.stdout], daemon=True).start()

    def call(self, path: str, body: Any = None, bearer: str = "") -> tuple[int, str]:
        """The status and text of an answer."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {bearer}"}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers=headers if bearer else {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


def test_the_server_asks_for_the_password_that_it_has_made(stub_environment):
    server = ServerWithLogin(stub_environment)
    try:
        server.wait_until_ready()
        airflow_home = Path(server.home) / ".airflow"
        file = credentials.password_file(airflow_home)
        server.wait_for(lambda: server.has_said(str(file)), what="where the password is")
        password = json.loads(file.read_text())["admin"]
        assert server.call("/api/v2/dags")[0] == 401
        status, text = server.call("/auth/token", {"username": "admin", "password": password})
        assert status == 201
        bearer = json.loads(text)["access_token"]
        assert server.call("/api/v2/dags", bearer=bearer)[0] == 200
        assert listening_on(server.processes()) == {f"127.0.0.1:{server.port}"}
    finally:
        assert server.end() == {}
    assert password not in "".join(server.output)
    keys = {key.read_text() for key in map(airflow_home.joinpath, ("jwt-secret", "api-secret", "fernet-key"))}
    for found in airflow_home.rglob("*"):
        if found.is_file():
            content = found.read_bytes().decode("utf-8", "replace")
            holds = password in content or any(key in content for key in keys)
            assert not holds or stat.S_IMODE(found.stat().st_mode) == 0o600, found
            assert not holds or found.suffix != ".log", found
    assert stat.S_IMODE(airflow_home.stat().st_mode) == 0o700
