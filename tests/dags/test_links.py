from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("UPCYCLE_HOME", str(tmp_path / "home"))
    report = tmp_path / "home" / "signs" / "artifacts" / "Evaluator" / "eval uation" / "7" / "report.html"
    report.parent.mkdir(parents=True)
    report.write_text("<p>mAP</p>")
    (tmp_path / "home" / "signs" / "secret.txt").write_text("secret")
    (tmp_path / "report.html").write_text("outside")
    return tmp_path / "home"


@pytest.fixture
def client():
    """The pages without log-in, which test_security.py tries."""
    from airflow.api_fastapi.app import init_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    file = ROOT / "dags" / "plugins" / "upcycle_plugin.py"
    spec = importlib.util.spec_from_file_location("upcycle_plugin", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    init_auth_manager()
    admin = SimpleAuthManagerUser(username="admin", role="ADMIN")
    module.app.dependency_overrides[module.current_user] = lambda: admin
    return TestClient(module.app)


def folder_of(home: Path) -> Path:
    return home / "signs" / "artifacts" / "Evaluator" / "eval uation" / "7"


class Task:
    """As much of an operator and its task instance as the hooks use."""

    def __init__(self, task_id: str, **xcoms: dict) -> None:
        self.task_id = task_id
        self.dag = SimpleNamespace(dag_id="retrain_signs")
        self.pushed: dict[str, str] = {}
        ti = SimpleNamespace(xcom_pull=lambda task_ids: xcoms.get(task_ids), xcom_push=self._push)
        self.context = {"task": self, "ti": ti}

    def _push(self, key: str, value: str) -> None:
        self.pushed[key] = value

    def links(self, result: object) -> dict[str, str]:
        """What Airflow stores for each link after the task."""
        from dags.links import LINKS, show_result, show_running

        show_running(self.context)
        show_result(self.context, result)
        return {link.name: link.get_link(self, ti_key=None) for link in LINKS}


@pytest.mark.parametrize("name", ["report.html", "lineage.html"])
def test_a_link_leads_to_a_page(home, client, name):
    from dags.links import page_url

    page = folder_of(home) / name
    page.write_text("<p>mAP</p>")
    url = page_url(page)
    assert url == (f"http://127.0.0.1:8080/upcycle/reports/signs/artifacts/Evaluator/eval%20uation/7/{name}")
    answer = client.get(url.removeprefix("http://127.0.0.1:8080/upcycle"))
    assert (answer.status_code, answer.text) == (200, "<p>mAP</p>")
    assert answer.headers["content-security-policy"] == "sandbox allow-scripts"


def test_a_page_that_is_not_there_has_no_link(home):
    from dags.links import page_url

    assert page_url(folder_of(home) / "lineage.html") is None
    assert page_url(home.parent / "report.html") is None
    assert page_url(home / "signs" / "secret.txt") is None


def test_each_task_has_the_links_of_its_pages(home):
    evaluated = Task("Evaluator").links({"outputs": {"evaluation": str(folder_of(home))}})
    assert evaluated["Report"].endswith("/7/report.html")
    assert (evaluated["Lineage"], evaluated["TensorBoard"]) == ("", "")
    plan = {"run_dir": str(folder_of(home))}
    assert Task("summary", plan=plan).links({})["Lineage"] == ""
    (folder_of(home) / "lineage.html").write_text("<svg/>")
    assert Task("summary", plan=plan).links({})["Report"].endswith("/7/report.html")
    assert Task("summary", plan=plan).links({})["Lineage"].endswith("/7/lineage.html")
    assert set(Task("Pusher").links({"outputs": {"pushed_model": str(home)}}).values()) == {""}
    assert set(Task("summary").links(None).values()) == {""}


def test_tensorboard_is_there_while_the_trainer_runs(home, monkeypatch):
    run = home / "signs" / "artifacts" / "Trainer" / "model_run" / "7"
    result = {"outputs": {"model_run": str(run)}}
    assert Task("Trainer").links(result)["TensorBoard"] == ""
    monkeypatch.setenv("UPCYCLE_TENSORBOARD_URL", "http://127.0.0.1:6006/")
    task = Task("Trainer")
    ended = task.links(result)["TensorBoard"]
    (running,) = task.pushed.values()
    assert list(task.pushed) == ["_link_TensorBoardLink"], "the key under which Airflow looks for the link"
    for url, pattern in (
        (running, "^signs/artifacts/Trainer/model_run/"),
        (ended, "^signs/artifacts/Trainer/model_run/7(/|$)"),
    ):
        assert url.startswith("http://127.0.0.1:6006/?") and url.endswith("#timeseries")
        (chosen,) = parse_qs(urlsplit(url).query)["runFilter"]
        assert chosen == pattern and re.match(chosen, "signs/artifacts/Trainer/model_run/7")
    assert Task("Evaluator").links(result)["TensorBoard"] == ""


def test_a_link_that_cannot_be_made_fails_no_task(home, caplog):
    task = Task("summary")

    def broken(task_ids: str) -> None:
        raise OSError("the API is away")

    task.context["ti"].xcom_pull = broken
    assert set(task.links({}).values()) == {""}
    assert "could not be made" in caplog.text


@pytest.mark.parametrize(
    "path",
    ["signs/secret.txt", "..%2Freport.html", "signs/..%2F..%2Freport.html", "%2Fetc%2Fpasswd", "report.html"],
)
def test_nothing_else_is_served(home, client, path):
    assert client.get(f"/reports/{path}").status_code == 404
