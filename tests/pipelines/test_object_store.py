"""Runs whose models are published to an object store; the slow nodes are stand-ins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from detection.errors import BadInput
from pipelines.cli import app
from pipelines.lineage import find_version, trace
from pipelines.overrides import Overrides
from pipelines.plan import find_baseline, make_plan
from pipelines.run_local import run_plan
from tests.object_store import Server, google, new_address

__all__ = ["google"]


def publishing_to(detector: Path, address: str) -> Path:
    detector.write_text(f"{detector.read_text()}publish:\n  destination: {address}\n")
    return detector


def test_published_compared_traced_and_rolled_back(
    fake_executors: Path, google: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = new_address(google, monkeypatch)
    detector = publishing_to(fake_executors, address)
    plan = make_plan(detector, Overrides(), "run-1")
    assert (plan.destination, plan.baseline) == (address, "")
    first = run_plan(plan)
    assert first.published is not None and first.published.live
    assert (first.published.version, first.published.path) == (1, f"{address}/versions/1")

    second = run_plan(make_plan(detector, Overrides(steps=30), "run-2"))
    assert second.baseline is not None and second.baseline.title == f"{address}/versions/1"
    assert second.published is not None and second.published.version == 2
    again = run_plan(make_plan(detector, Overrides(steps=30), "run-3"))
    assert all(node.cached for node in again.nodes) and again.published == second.published

    found = trace(find_version("tiny"))
    assert (found.version, found.live, found.path) == (2, True, f"{address}/versions/2")
    assert found.baseline == f"{address}/versions/1"
    assert trace(find_version(f"{address}/versions/1")) == trace(find_version("tiny/1"))

    runner = CliRunner()
    back = runner.invoke(app, ["rollback", "tiny", "--to", "1", "--why", "a mistake", "--json"])
    assert json.loads(back.stdout) == {
        "detector": "tiny",
        "live": 1,
        "was": 2,
        "path": f"{address}/versions/1",
    }
    history = runner.invoke(app, ["history", "tiny"]).stdout
    assert "rolled back 1 (before: 2)" in history and history.endswith(
        f"live: version 1, {address}/versions/1\n"
    )
    missing = runner.invoke(app, ["rollback", "tiny", "--to", "7"])
    assert missing.exit_code != 0


def test_a_baseline_that_is_gone_is_replaced_by_the_live_version(
    fake_executors: Path, google: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = new_address(google, monkeypatch)
    detector = publishing_to(fake_executors, address)
    run_plan(make_plan(detector, Overrides(), "run-1"))
    plan = make_plan(detector, Overrides(steps=30), "run-2")
    run_plan(plan)
    assert find_baseline(address, plan.fingerprint) == (f"{address}/versions/1", True)
    detector.write_text(detector.read_text() + "  keep_versions: 1\n")
    run_plan(make_plan(detector, Overrides(steps=40), "run-3"))
    assert find_baseline(address, "other")[0] == f"{address}/versions/3"


@pytest.mark.parametrize(
    ("place", "problem"),
    [("gs://no-such-bucket/a", "no such bucket"), ("https://bucket/a", "no address of an object store")],
)
def test_what_cannot_be_published_to_is_refused_before_anything_runs(
    detector: Path, google: Server, monkeypatch: pytest.MonkeyPatch, place: str, problem: str
) -> None:
    new_address(google, monkeypatch)
    with pytest.raises(BadInput, match=problem) as error:
        make_plan(publishing_to(detector, place), Overrides(), "run-1")
    assert error.value.where == place and error.value.exit_code == 78
