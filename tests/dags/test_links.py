from __future__ import annotations

import importlib.util
from pathlib import Path

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
    from fastapi.testclient import TestClient

    file = ROOT / "dags" / "plugins" / "upcycle_plugin.py"
    spec = importlib.util.spec_from_file_location("upcycle_plugin", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return TestClient(module.app)


def test_the_link_leads_to_the_report(home, client, monkeypatch):
    from dags.links import report_url

    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://127.0.0.1:8080")
    folder = home / "signs" / "artifacts" / "Evaluator" / "eval uation" / "7"
    url = report_url({"outputs": {"blessing": str(home / "signs"), "evaluation": str(folder)}})
    assert url == (
        "http://127.0.0.1:8080/upcycle/reports/signs/artifacts/Evaluator/eval%20uation/7/report.html"
    )
    answer = client.get(url.removeprefix("http://127.0.0.1:8080/upcycle"))
    assert (answer.status_code, answer.text) == (200, "<p>mAP</p>")
    assert answer.headers["content-security-policy"] == "sandbox allow-scripts"


def test_no_report_no_link(home):
    from dags.links import report_url

    assert report_url({"outputs": {"model": str(home / "signs")}}) is None
    assert report_url({"outputs": {"evaluation": str(home.parent)}}) is None
    assert report_url({}) is None


@pytest.mark.parametrize(
    "path",
    ["signs/secret.txt", "..%2Freport.html", "signs/..%2F..%2Freport.html", "%2Fetc%2Fpasswd", "report.html"],
)
def test_nothing_else_is_served(home, client, path):
    assert client.get(f"/reports/{path}").status_code == 404
