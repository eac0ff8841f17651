"""The trigger form: what it shows, what it refuses and in which words, and what becomes of its values."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dags.form import PLAN_OPTIONS, trigger_params
from pipelines.overrides import read_overrides
from pipelines.spec import DetectorSpec, SpecError

LONG = "a" * 501
# Every kind of broken rule, as JSON carries it
REFUSED: list[dict[str, Any]] = [
    {"steps": 0},
    {"steps": 10_000_001},
    {"steps": "x"},
    {"steps": 1.5},
    {"steps": True},
    {"learning_rate": 0},
    {"learning_rate": -0.5},
    {"learning_rate": 10.5},
    {"learning_rate": "fast"},
    {"span": 202611},
    {"span": "../other"},
    {"span": "2026-11\n"},
    {"span": "2026\u2028--force"},
    {"span": "a" * 101},
    {"data": "data/new"},
    {"data": "file:///data"},
    {"data": "/data/new\nsteps: 1"},
    {"data": ["/data/new"]},
    {"data": "/" + "a" * 1000},
    {"checkpoint": "model.ckpt"},
    {"checkpoint": "gs://bucket/model.ckpt"},
    {"only": "train"},
    {"only": False},
    {"only": 3},
    {"force": "yes"},
    {"force": None},
    {"publish_anyway": ""},
    {"publish_anyway": "   "},
    {"publish_anyway": "line 1\nline 2"},
    {"publish_anyway": LONG},
    {"publish_anyway": True},
]


@pytest.fixture
def spec(detectors: Path) -> DetectorSpec:
    return DetectorSpec.from_file(detectors / "signs.yaml")


@pytest.fixture
def plain_spec(detectors: Path) -> DetectorSpec:
    """A detector whose paths have no {span}."""
    text = (detectors / "signs.yaml").read_text().replace("data/{span}", "data/all")
    (detectors / "plain.yaml").write_text(text.replace("name: signs", "name: plain"))
    return DetectorSpec.from_file(detectors / "plain.yaml")


@pytest.fixture
def rest_api(load_dags, plain_spec) -> Iterator[Any]:
    """Airflow's REST API over the database of the tests, which has the DAGs of signs.yaml and plain.yaml."""
    from airflow.api_fastapi.app import create_app
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import sync_bag_to_db
    from fastapi.testclient import TestClient

    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(load_dags(), "dags-folder", None)
    with TestClient(create_app(), base_url="http://testserver") as client:
        token = client.get("/auth/token").json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def post(client: Any, dag_id: str, conf: dict[str, Any]) -> Any:
    body = {"logical_date": None, "conf": conf}
    return client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body)


def test_the_form_has_sections_and_says_what_the_yaml_has(spec, detectors) -> None:
    fields = trigger_params(spec)
    sections: dict[str, list[str]] = {}
    for name, field in fields.items():
        sections.setdefault(field.schema["section"], []).append(name)
    assert sections == {
        "Data": ["span", "data"],
        "Training": ["steps", "learning_rate", "checkpoint"],
        "Run": ["only", "force"],
        "Publication": ["publish_anyway"],
    }
    assert all(field.schema["title"] and field.description for field in fields.values())
    for name, empty in {
        "span": "the newest",
        "data": str(detectors / "data" / "{span}"),
        "steps": "7",
        "learning_rate": "0.5",
        "checkpoint": str(detectors / "model.ckpt"),
    }.items():
        assert fields[name].description.endswith(f"Empty: {empty}"), name
    assert fields["only"].schema["values_display"].keys() == {"null", "evaluate", "convert"}
    # Airflow's page wants a value wherever the type is no list with "null" in it
    wanted = {name for name, field in fields.items() if "null" not in field.schema["type"]}
    assert wanted == {"force"}
    assert {name: field.value for name, field in fields.items()} == dict.fromkeys(fields) | {"force": False}


def test_a_span_only_where_the_paths_have_one(spec, plain_spec) -> None:
    assert trigger_params(spec)["span"].schema["type"] == ["null", "string"]
    span = trigger_params(plain_spec)["span"]
    assert span.schema["type"] == ["null"]
    assert span.description == "This detector's paths have no {span}: leave it empty"


def test_the_rest_api_and_the_command_lines_refuse_in_the_same_words(rest_api, spec, plain_spec) -> None:
    cases = [("signs", spec, conf) for conf in REFUSED] + [("plain", plain_spec, {"span": "2026-11"})]
    for name, of_detector, conf in cases:
        answer = post(rest_api, f"retrain_{name}", conf)
        assert answer.status_code == 400, (conf, answer.text)
        with pytest.raises(SpecError) as caught:
            read_overrides(conf, of_detector.data)
        assert answer.json()["detail"].splitlines()[0] == caught.value.what, conf


def test_the_rest_api_takes_what_is_right(rest_api, spec) -> None:
    conf = {
        "span": "2026-11 a",
        "data": "s3://bucket/new data",
        "steps": 5,
        "learning_rate": 1e-5,
        "checkpoint": "package:some-detector:a/graph.pb",
        "only": None,
        "force": True,
        "publish_anyway": "better at night: «yes» {{ 7 * 7 }}",
    }
    answer = post(rest_api, "retrain_signs", conf)
    assert answer.status_code == 200 and answer.json()["conf"] == conf
    assert read_overrides(conf, spec.data).model_dump() == conf


def test_airflow_takes_unknown_names_so_the_plan_is_told(rest_api) -> None:
    assert post(rest_api, "retrain_signs", {"stesp": 5}).status_code == 200
    assert rendered(conf={"stesp": 5, "force ": "--force"}) == ["--unknown=force , stesp"]


def rendered(partition_key: str | None = None, conf: dict[str, Any] | None = None) -> list[str]:
    """The plan's options as Airflow's templates give them for a run with `conf`."""
    from types import SimpleNamespace

    from airflow.sdk import DAG

    empty = dict.fromkeys(("span", "data", "steps", "learning_rate", "checkpoint", "only", "publish_anyway"))
    context = {
        "params": empty | {"force": False} | (conf or {}),
        "dag_run": SimpleNamespace(partition_key=partition_key, conf=conf),
    }
    environment = DAG("any", schedule=None).get_template_env()
    texts = [environment.from_string(option).render(context) for option in PLAN_OPTIONS]
    return [text for text in texts if text]


def test_what_the_values_become() -> None:
    assert rendered() == []
    conf = {"steps": 5.0, "learning_rate": 1e-05, "only": "convert", "force": True, "span": None}
    assert rendered(conf=conf) == ["--steps=5.0", "--learning-rate=1e-05", "--only=convert", "--force"]


def test_the_runs_own_span() -> None:
    assert rendered("2026-11") == ["--span=2026-11"]
    assert rendered("2026-11", {"span": "2026-10"}) == ["--span=2026-10"]
    assert rendered("newest") == [], "the key of a run that reads the newest span"


@pytest.mark.parametrize(
    "text", ["{{ 7 * 7 }}", "x --force", "--force", "a' + params.span + '", "{% raw %}", "$(id)"]
)
def test_a_value_is_never_code_nor_an_option(text: str) -> None:
    for name in ("span", "data", "checkpoint", "publish_anyway"):
        assert rendered(conf={name: text}) == [f"--{name.replace('_', '-')}={text}"]
    assert rendered(text) == [f"--span={text}"]
    assert rendered(conf={text: 1}) == [f"--unknown={text}"]


def test_a_run_passes_them_on_as_they_are(stub_environment: dict[str, str], tmp_path: Path) -> None:
    span, reason = "2026-11 --force {{ 7 * 7 }}", '--only=convert {% raw %} $(touch here) it\'s "better"'
    options = [f"--span={span}", "--data=/data/{{ span }}", f"--publish-anyway={reason}"]
    done = subprocess.run(
        [sys.executable, "-m", "dags.embedded", "retrain_signs", *options],
        env=stub_environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    plan = json.loads((tmp_path / "calls.jsonl").read_text().splitlines()[0])
    assert (plan["span"], plan["data"], plan["publish_anyway"]) == (span, "/data/{{ span }}", reason)
    assert (plan["force"], plan["only"], plan["unknown"]) == (False, None, None)
