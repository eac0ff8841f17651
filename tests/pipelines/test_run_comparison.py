"""`upcycle report --compare`: two real runs with quick executors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from detection.errors import BadInput
from pipelines.cli import app
from pipelines.home import DetectorHome
from pipelines.node import read_result
from pipelines.overrides import Overrides
from pipelines.plan import make_plan
from pipelines.run_comparison import compare_runs, find_run
from pipelines.run_local import run_plan


@pytest.fixture
def two_runs(fake_executors: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """run-1 with 20 steps and mAP@0.5 0.8, run-2 with 30 steps and 0.6."""
    run_plan(make_plan(fake_executors, Overrides(steps=20), "run-1"))
    monkeypatch.setenv("FAKE_MAP", "0.6")
    run_plan(make_plan(fake_executors, Overrides(steps=30), "run-2"))
    return fake_executors


def test_two_runs_side_by_side(two_runs: Path) -> None:
    found = compare_runs(find_run("tiny/run-1"), find_run("tiny/run-2"))
    assert found.runs == ("tiny/run-1", "tiny/run-2")
    assert found.same_images
    assert found.metrics == {"mAP": (0.4, 0.3), "mAP_50": (0.8, 0.6), "mAP_75": (None, None)}
    assert found.settings == {"steps": (20, 30)}
    assert (found.inputs, found.code) == ({}, {})
    assert found.blessed == (True, True)
    assert set(found.seconds) >= {"ExampleGen", "Trainer", "Pusher"}
    assert all(Path(report).is_file() for report in found.reports)


def test_other_data_are_other_images(two_runs: Path) -> None:
    first = find_run("tiny/run-1")
    train = next(Path(path) for path in first.spec.data.train)
    (train / "one_more.txt").write_text("another delivery")
    second = make_plan(two_runs, Overrides(steps=40), "run-3")
    run_plan(second)
    found = compare_runs(first, second)
    assert not found.same_images
    assert set(found.inputs) == {"train"} and found.inputs["train"][0] != found.inputs["train"][1]


def test_on_a_terminal_and_as_json(two_runs: Path) -> None:
    said = CliRunner().invoke(app, ["report", "--compare", "tiny/run-1", "tiny"]).output
    rows = [line.split() for line in said.splitlines()]
    assert ["mAP@0.5", "0.800", "0.600", "-0.200"] in rows
    assert ["steps", "20", "30"] in rows
    assert "inputs (sha256): the same" in said
    listed = json.loads(
        CliRunner().invoke(app, ["report", "--compare", "tiny/run-1", "tiny", "--json"]).stdout
    )
    assert listed["runs"] == ["tiny/run-1", "tiny/run-2"], "without an id it is the last finished run"


def test_one_run_by_its_id_and_its_own_report(two_runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(typer, "launch", opened.append)
    for run_id in ("run-1", "run-2"):
        shown = CliRunner().invoke(app, ["report", f"tiny/{run_id}", "--json", "--open"])
        listed = json.loads(shown.stdout)
        assert listed["run_id"] == run_id
        assert Path(listed["report"]) == DetectorHome.of("tiny").plan_dir(run_id) / "report.html"
    assert [Path(page).parent.name for page in opened] == ["run-1", "run-2"]
    pages = [Path(page).read_text() for page in opened]
    assert pages[0] != pages[1] and pages[1] == DetectorHome.of("tiny").report.read_text()


def test_a_run_without_a_report_opens_none(fake_executors: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_plan(make_plan(fake_executors, Overrides(only="convert"), "run-1"))
    monkeypatch.setattr(typer, "launch", lambda page: pytest.fail(f"opened {page!r}"))
    assert CliRunner().invoke(app, ["report", "tiny"]).exit_code == 0
    with pytest.raises(BadInput, match="has no report"):
        CliRunner().invoke(app, ["report", "tiny", "--open"], catch_exceptions=False)


def test_runs_with_other_classes(two_runs: Path) -> None:
    first, second = find_run("tiny/run-1"), find_run("tiny/run-2")
    file = Path(compare_runs(first, second).reports[1]).parent
    result = read_result(second, "Evaluator")
    assert file == Path(second.run_dir) and result is not None
    metrics = Path(result.outputs["evaluation"]) / "metrics.json"
    text = json.loads(metrics.read_text())
    by_class = text["candidate"]["metrics"]["by_class"]
    one = {
        "groundtruth_boxes": 3,
        "mAP": 0.25,
        "mAP_50": 0.5,
        "mAP_75": None,
        "recall_50": 0.5,
        "by_size": {},
    }
    by_class |= {
        "/m/01": one | {"display_name": "sign"},
        "/m/02": one | {"display_name": "sign", "mAP": None},
    }
    metrics.write_text(json.dumps(text))
    found = compare_runs(first, second)
    assert found.by_class["/m/01"] == (None, 0.25) and found.by_class["/m/02"] == (None, None)
    said = CliRunner().invoke(app, ["report", "--compare", "tiny/run-1", "tiny/run-2"]).output
    assert ["AP(/m/01)", "-", "0.250", "-"] in [line.split() for line in said.splitlines()]


@pytest.mark.parametrize(
    ("run", "fix"),
    [("tiny/run-9", "take one of: tiny/run-1, tiny/run-2"), ("other", "upcycle run detectors/NAME.yaml")],
)
def test_a_run_that_is_not_there(two_runs: Path, run: str, fix: str) -> None:
    with pytest.raises(BadInput) as caught:
        find_run(run)
    assert fix in caught.value.fix


def test_a_run_that_was_not_evaluated(fake_executors: Path) -> None:
    plan = make_plan(fake_executors, Overrides(), "run-1")
    with pytest.raises(BadInput, match="tiny/run-1 was not evaluated"):
        compare_runs(plan, plan)


@pytest.mark.parametrize("arguments", [["tiny", "--compare"], ["tiny", "other"]])
def test_how_many_runs(arguments: list[str]) -> None:
    outcome = CliRunner().invoke(app, ["report", *arguments])
    assert outcome.exit_code == 2 and "not" in outcome.output
