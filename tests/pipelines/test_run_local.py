"""A whole run in one process: progress, summary, cache, resume, publishing; then report and lineage of it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from detection.errors import BadInput, Failed
from pipelines.cli import app
from pipelines.home import DetectorHome
from pipelines.lineage import find_version, trace
from pipelines.overrides import Overrides
from pipelines.plan import make_plan
from pipelines.run_local import run_plan, unfinished_plan
from pipelines.summary import Summary, main


def run(detector: Path, run_id: str, steps: int | None = None) -> Summary:
    return run_plan(make_plan(detector, Overrides(steps=steps), run_id))


def cached(summary: Summary) -> list[str]:
    return [time.node for time in summary.nodes if time.cached]


@pytest.fixture
def home() -> DetectorHome:
    return DetectorHome.of("tiny")


def test_first_run_second_run_changed_run(
    fake_executors: Path, home: DetectorHome, capfd: pytest.CaptureFixture[str]
) -> None:
    first = run(fake_executors, "run-1")
    assert cached(first) == []
    assert first.verdict.blessed and first.baseline.title == "converted TF1 model"
    assert first.published is not None and first.published.live
    assert (first.published.version, first.published.path) == (1, str(home.serving / "versions" / "1"))
    assert first.data["images_quarantined"] == 1
    assert first.conversion["proof"]["matched_detections"] == 31
    assert (first.training["first_loss"], first.training["last_loss"]) == (3.0, 0.5)
    report = home.report.read_text()
    assert report.startswith("<html>report") and report.endswith("<footer>end</footer></html>")
    assert report.count("<svg ") == 1 and "<td>Trainer</td>" in report
    assert all(time.processor_seconds > 0 for time in first.nodes)
    assert (home.plan_dir("run-1") / "lineage.html").is_file()
    assert Summary.model_validate_json(home.summary.read_text()) == first
    assert (home.plan_dir("run-1") / "logs" / "ConfigValidator.log").read_text() == "ConfigValidator works\n"
    lines = capfd.readouterr().out.splitlines()
    assert lines[:2] == ["ExampleGen", "  ExampleGen works"]
    assert lines[2].startswith("ExampleGen: done, ")

    second = run(fake_executors, "run-2")
    assert len(cached(second)) == 6
    assert second.published == first.published and second.candidate == first.candidate

    third = run(fake_executors, "run-3", steps=30)
    assert cached(third) == ["ExampleGen"], "the steps are in the resolved config too"
    assert third.baseline.title == str(home.serving / "versions" / "1")
    assert third.published is not None and third.published.version == 2

    again = run(fake_executors, "run-4", steps=30)
    assert len(cached(again)) == 6
    assert again.published is not None and again.published.version == 2


def test_a_refused_model_changes_nothing(
    fake_executors: Path, home: DetectorHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(fake_executors, "run-1")
    fake_executors.write_text(fake_executors.read_text().replace("floor: 0.0", "floor: 0.5"))
    monkeypatch.setenv("FAKE_MAP", "0.3")
    summary = run(fake_executors, "run-2", steps=30)
    assert not summary.verdict.blessed
    assert summary.published is None and summary.live_version == 1
    said = CliRunner().invoke(app, ["report", "tiny"]).output
    assert "refused: not published, version 1 stays" in said


def test_wiped_serving_is_published_again(fake_executors: Path, home: DetectorHome) -> None:
    run(fake_executors, "run-1")
    home.serving.rename(home.serving.with_name("wiped"))
    summary = run(fake_executors, "run-2")
    assert len(cached(summary)) == 5
    assert summary.published is not None and summary.published.live


def test_a_failed_run_is_resumed(
    fake_executors: Path, home: DetectorHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match="there is no run to resume"):
        unfinished_plan(home)
    monkeypatch.setenv("FAKE_FAILS", "Trainer")
    with pytest.raises(Failed, match="it went wrong"):
        run(fake_executors, "run-1")
    assert not home.summary.exists() and not (home.serving / "live").exists()
    monkeypatch.delenv("FAKE_FAILS")
    plan = unfinished_plan(home)
    assert plan.run_id == "run-1"
    summary = run_plan(plan)
    assert summary.run_id == "run-1" and summary.published is not None
    with pytest.raises(BadInput, match="the last run, run-1, has finished"):
        unfinished_plan(home)


def test_a_defect_shows_the_end_of_the_log(
    fake_executors: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAKE_DEFECT", "Evaluator")
    with pytest.raises(ZeroDivisionError):
        run(fake_executors, "run-1")
    out, err = capfd.readouterr()
    assert "Evaluator: failed" in out
    assert "Evaluator.log:\n  Evaluator works" in err


def test_summary_of_an_unfinished_run(fake_executors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = make_plan(fake_executors, Overrides(), "run-1")
    assert main(["--plan", plan.run_dir]) == 1
    assert "ExampleGen has no result in this run" in capsys.readouterr().err


def test_summary_as_the_last_task(fake_executors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(fake_executors, "run-1")
    capsys.readouterr()
    assert main(["--plan", str(DetectorHome.of("tiny").plan_dir("run-1"))]) == 0
    said = capsys.readouterr().out
    for part in (
        "ssd_mobilenet_v2 from a TF1 frozen graph",
        "backbone",
        "at most 2.5e-06 from the TF1 graph",
        "10 images read = 9 written + 1 quarantined; 18 of 20 boxes",
        "20 steps at 9.0 images/s in 2 s, loss 3.00 -> 0.50",
        "mAP@0.5",
        "0.100",
        "0.800",
        "blessed: version 1",
        "report.html",
        "Trainer",
    ):
        assert part in said, part


def test_lineage_leads_back_to_every_input(fake_executors: Path, home: DetectorHome) -> None:
    (fake_executors.parent / "old.pbtxt").write_text("item { id: 1 name: 'person' }")
    yaml = fake_executors.read_text()
    more = "  label_map: old.pbtxt\n  allow: [CFG012, CFG005]\n"
    fake_executors.write_text(yaml.replace("model.ckpt\n", f"model.ckpt\n{more}"))
    run(fake_executors, "run-1")
    run(fake_executors, "run-2")
    run(fake_executors, "run-3", steps=30)
    found = trace(find_version("tiny"))
    assert (found.version, found.live, found.run_id) == (2, True, "run-3")
    assert found.baseline == str(home.serving / "versions" / "1")
    assert found.training["steps"] == 30
    assert found.metrics["mAP_50"] == 0.8
    by_node = {step.node: step for step in found.steps}
    assert set(by_node) == {
        "ExampleGen",
        "ConfigValidator",
        "CheckpointConverter",
        "Trainer",
        "Evaluator",
        "Pusher",
    }
    assert by_node["ExampleGen"].run_id == "run-1", "its result came from the cache"
    assert by_node["Trainer"].run_id == "run-3"
    folder = fake_executors.parent
    assert {role: item.path for role, item in found.inputs.items()} == {
        "train": str(folder / "data" / "train"),
        "label_map": str(folder / "label_map.pbtxt"),
        "pipeline_config": str(folder / "pipeline.config"),
        "checkpoint": str(folder / "model.ckpt"),
        "model_label_map": str(folder / "old.pbtxt"),
    }
    assert (found.proof, found.allowed) == ("passed", ["CFG005", "CFG012"])
    assert (found.inputs["train"].files, found.inputs["checkpoint"].files) == (12, 2)

    first = trace(find_version("tiny/1"))
    assert (first.version, first.live, first.run_id, first.baseline) == (1, False, "run-1", "")
    assert trace(find_version(str(home.serving / "versions" / "1"))) == first
    assert trace(find_version("1")) == first


@pytest.mark.parametrize(
    ("what", "said"),
    [("tiny/9", "the versions are: 1"), ("other", "detectors that ran: tiny"), ("9", "the versions are: 1")],
)
def test_versions_that_are_not_there(fake_executors: Path, what: str, said: str) -> None:
    run(fake_executors, "run-1")
    with pytest.raises(BadInput) as caught:
        find_version(what)
    assert said in caught.value.fix


def test_lineage_without_its_store_says_so(fake_executors: Path, home: DetectorHome) -> None:
    run(fake_executors, "run-1")
    home.metadata.rename(home.metadata.with_name("moved"))
    with pytest.raises(BadInput, match="there is no metadata store"):
        trace(find_version("tiny"))


def test_the_commands_about_a_run(fake_executors: Path, home: DetectorHome) -> None:
    yaml = fake_executors.read_text()
    fake_executors.write_text(yaml.replace("model.ckpt\n", "model.ckpt\n  allow: [CFG012]\n"))
    runner = CliRunner()
    first = runner.invoke(app, ["run", str(fake_executors), "--json"])
    assert first.exit_code == 0
    assert json.loads(first.stdout)["published"]["version"] == 1
    assert runner.invoke(app, ["run", str(fake_executors), "--steps", "30"]).exit_code == 0

    report = json.loads(runner.invoke(app, ["report", "tiny", "--json"]).stdout)
    assert report["published"]["version"] == 2

    tree = runner.invoke(app, ["lineage", "tiny"]).stdout
    assert "tiny version 2 (live)" in tree
    assert "12 files" in tree and "sha256" in tree
    assert "allowed findings about pipeline.config: CFG012" in tree
    assert json.loads(runner.invoke(app, ["lineage", "tiny/1", "--json"]).stdout)["version"] == 1

    back = runner.invoke(app, ["rollback", "tiny", "--to", "1", "--json"])
    assert back.exit_code == 0, back.exception
    assert json.loads(back.stdout) == {
        "detector": "tiny",
        "live": 1,
        "was": 2,
        "path": str(home.serving / "versions" / "1"),
    }
    forth = runner.invoke(app, ["rollback", "tiny", "--to", "2", "--why", "a mistake"])
    assert "version 2 serves now (before: 1)" in forth.stdout
    history = runner.invoke(app, ["history", "tiny"]).stdout
    assert "published 2 (before: 1)" in history and "rolled back 2 (before: 1)" in history
    assert ": a mistake\n" in history and history.endswith(f"versions{os.sep}2\n")
    entries = json.loads(runner.invoke(app, ["history", "tiny", "--json"]).stdout)
    assert [(entry["action"], entry["version"]) for entry in entries] == [
        ("published", 1),
        ("published", 2),
        ("rolled back", 1),
        ("rolled back", 2),
    ]
    assert runner.invoke(app, ["run", str(fake_executors), "--resume", "--steps", "3"]).exit_code == 2


def test_a_live_version_that_is_gone_is_rolled_back_from(fake_executors: Path, home: DetectorHome) -> None:
    run(fake_executors, "run-1")
    run(fake_executors, "run-2", steps=30)
    shutil.rmtree(home.serving / "versions" / "2")
    runner = CliRunner()
    shown = runner.invoke(app, ["history", "tiny"])
    assert isinstance(shown.exception, Failed) and "no readable manifest" in shown.exception.what
    assert "published 2 (before: 1)" in shown.output, "the history is there all the same"
    assert trace(find_version("tiny/1")).live is False
    back = runner.invoke(app, ["rollback", "tiny", "--to", "1"])
    assert "version 1 serves now (before: 2)" in back.output
    assert trace(find_version("tiny")).version == 1
    assert runner.invoke(app, ["history", "tiny"]).exit_code == 0
