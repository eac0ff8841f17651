"""Runs that do a part: only evaluate, only convert; and one that a person publishes against the gate."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from components.evaluator.smoke_test import read_smoke_test
from components.pusher.versions import live_version, read_history
from detection.errors import BadInput, Failed
from pipelines.cli import app
from pipelines.home import DetectorHome
from pipelines.lineage import find_version, trace
from pipelines.metadata import connection_config
from pipelines.node import NodeResult, result_file
from pipelines.overrides import Overrides
from pipelines.plan import make_plan, read_plan
from pipelines.run_local import run_plan, unfinished_plan
from pipelines.summary import Summary, main
from tests.pipelines.fake_executors import score_after

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def home() -> DetectorHome:
    return DetectorHome.of("tiny")


def run(detector: Path, run_id: str, who: str = "", **overrides: Any) -> Summary:
    return run_plan(make_plan(detector, Overrides(**overrides), run_id, triggered_by=who))


def node(home: DetectorHome, run_id: str, name: str) -> NodeResult:
    file = result_file(read_plan(home.plan_dir(run_id)), name)
    return NodeResult.model_validate_json(file.read_text())


def refuse_all(detector: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detector.write_text(detector.read_text().replace("floor: 0.0", "floor: 0.5"))
    monkeypatch.setenv("FAKE_MAP", "0.3")


def tree(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in folder.rglob("*")}


def measured_score(home: DetectorHome, run_id: str) -> float:
    """What the fake Evaluator saw of the model that it was given."""
    folder = Path(node(home, run_id, "Evaluator").outputs["evaluation"])
    return float(read_smoke_test(folder).scores[0])


def test_without_any_model_there_is_nothing_to_evaluate(fake_executors: Path, home: DetectorHome) -> None:
    with pytest.raises(BadInput, match="there is no model to evaluate") as caught:
        run(fake_executors, "run-1", only="evaluate")
    assert "without --only first" in caught.value.fix
    assert not home.plans.exists()


def test_the_model_that_serves_is_evaluated_and_nothing_published(
    fake_executors: Path, home: DetectorHome, capfd: pytest.CaptureFixture[str]
) -> None:
    run(fake_executors, "run-1")
    run(fake_executors, "run-2", steps=30)
    assert CliRunner().invoke(app, ["rollback", "tiny", "--to", "1"]).exit_code == 0
    before, history = tree(home.serving), read_history(home.serving)
    (fake_executors.parent / "data" / "train" / "0.xml").touch()
    (fake_executors.parent / "data" / "train" / "0.jpg").write_bytes(
        (fake_executors.parent / "data" / "train" / "1.jpg").read_bytes()
    )
    capfd.readouterr()
    summary = run(fake_executors, "run-3", only="evaluate")
    assert tree(home.serving) == before and read_history(home.serving) == history

    assert [time.node for time in summary.nodes] == [
        "ExampleGen",
        "ConfigValidator",
        "CheckpointConverter",
        "Evaluator",
    ]
    assert not any(time.cached for time in summary.nodes if time.node in ("ExampleGen", "Evaluator"))
    trained = node(home, "run-1", "Trainer").outputs["model"]
    assert summary.evaluated is not None
    assert (summary.evaluated.title, summary.evaluated.uri) == ("version 1", trained)
    assert measured_score(home, "run-3") == pytest.approx(score_after(20))
    assert summary.baseline is not None and summary.baseline.title == "converted TF1 model"
    assert (summary.training, summary.published, summary.live_version) == (None, None, 1)
    assert "Trainer" not in capfd.readouterr().out
    assert "version 1" in home.report.read_text() and "nothing was published" in home.report.read_text()
    assert main(["--plan", summary.run_dir]) == 0
    said = " ".join(capfd.readouterr().out.split())
    assert "blessed: version 1, only evaluated and not published, version 1 stays" in said
    assert summary == Summary.model_validate_json(home.summary.read_text())

    # the lineage of what serves is as before, and the evaluation read the very model of its Trainer
    assert {step.node for step in trace(find_version("tiny")).steps} >= {"Trainer", "Pusher"}
    from ml_metadata import MetadataStore

    store = MetadataStore(connection_config(home.metadata))
    execution = node(home, "run-3", "Evaluator").execution_id
    events = [event for event in store.get_events_by_execution_ids([execution]) if event.type == event.INPUT]
    [model] = [event.artifact_id for event in events if event.path.steps[0].key == "model"]
    makers = {e.execution_id for e in store.get_events_by_artifact_ids([model]) if e.type == e.OUTPUT}
    assert node(home, "run-1", "Trainer").execution_id in makers
    assert len(store.get_artifacts_by_type("DetectorModel")) == 2, "no copy was registered"

    again = run(fake_executors, "run-4", only="evaluate")
    assert all(time.cached for time in again.nodes)
    assert again.candidate == summary.candidate


def test_where_nothing_serves_the_last_trained_model_is_evaluated(
    fake_executors: Path, home: DetectorHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_all(fake_executors, monkeypatch)
    run(fake_executors, "run-1")
    run(fake_executors, "run-2", steps=30)
    summary = run(fake_executors, "run-3", only="evaluate")
    assert summary.evaluated is not None
    assert summary.evaluated.title == "the model of run run-2, not published"
    assert measured_score(home, "run-3") == pytest.approx(score_after(30))
    assert summary.verdict is not None and not summary.verdict.blessed
    assert not home.serving.exists()
    said = CliRunner().invoke(app, ["report", "tiny"]).output
    assert "only evaluated and not published, nothing serves yet" in " ".join(said.split())


def test_a_model_whose_files_are_gone_is_not_evaluated(fake_executors: Path, home: DetectorHome) -> None:
    run(fake_executors, "run-1")
    trained = Path(node(home, "run-1", "Trainer").outputs["model"])
    trained.rename(trained.with_name("elsewhere"))
    with pytest.raises(BadInput, match="the files of version 1 are no longer among the artifacts"):
        run(fake_executors, "run-2", only="evaluate")
    home.metadata.unlink()
    with pytest.raises(BadInput, match="ML Metadata has no record of version 1, which serves"):
        run(fake_executors, "run-3", only="evaluate")


def test_a_failed_evaluation_is_resumed(
    fake_executors: Path, home: DetectorHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(fake_executors, "run-1")
    monkeypatch.setenv("FAKE_FAILS", "Evaluator")
    with pytest.raises(Failed, match="it went wrong"):
        run(fake_executors, "run-2", only="evaluate", force=True)
    monkeypatch.delenv("FAKE_FAILS")
    summary = run_plan(unfinished_plan(home))
    assert summary.run_id == "run-2" and summary.evaluated is not None
    with pytest.raises(BadInput, match="the last run, run-2, has finished"):
        unfinished_plan(home)


def test_a_node_that_is_left_out_is_skipped(fake_executors: Path, start_node: Start) -> None:
    run(fake_executors, "run-1")
    plan = make_plan(fake_executors, Overrides(only="evaluate"), "run-2")
    process = start_node(Path(plan.run_dir), "Trainer")
    stdout, stderr = process.communicate(timeout=300)
    assert (process.returncode, stderr) == (99, "")
    assert "Trainer: left out, this run does only ExampleGen, ConfigValidator" in stdout


def test_only_convert_stops_after_the_conversion(fake_executors: Path, home: DetectorHome) -> None:
    shown = CliRunner().invoke(app, ["run", str(fake_executors), "--only", "convert"])
    assert shown.exit_code == 0, shown.exception
    said = " ".join(shown.output.split())
    assert "none, the model was only converted; nothing serves yet" in said
    assert "at most 2.5e-06 from the TF1 graph" in said
    for absent in ("Data", "Training", "Metrics", "Report"):
        assert absent not in shown.output
    summary = Summary.model_validate_json(home.summary.read_text())
    assert [time.node for time in summary.nodes] == ["ConfigValidator", "CheckpointConverter"]
    assert (summary.verdict, summary.published, summary.report) == (None, None, "")
    assert not home.report.exists() and not home.serving.exists()
    whole = run(fake_executors, "run-2")
    cached = [time.node for time in whole.nodes if time.cached]
    assert cached == ["ConfigValidator", "CheckpointConverter"]


def test_another_checkpoint_and_other_data(fake_executors: Path, home: DetectorHome, tmp_path: Path) -> None:
    run(fake_executors, "run-1")
    (tmp_path / "other").mkdir()
    for suffix in ("index", "data-00000-of-00001"):
        (tmp_path / "other" / f"model.ckpt.{suffix}").write_bytes(b"other")
    images = fake_executors.parent / "data" / "train"
    (tmp_path / "new").mkdir()
    for index in range(3):
        for suffix in ("jpg", "xml"):
            (tmp_path / "new" / f"{index}.{suffix}").write_bytes((images / f"{index}.{suffix}").read_bytes())
    checkpoint, data = str(tmp_path / "other" / "model.ckpt"), str(tmp_path / "new")
    summary = run(fake_executors, "run-2", checkpoint=checkpoint)
    assert [time.node for time in summary.nodes if time.cached] == ["ExampleGen"]
    assert trace(find_version("tiny")).inputs["checkpoint"].path == checkpoint
    run(fake_executors, "run-3", data=data)
    plan = read_plan(home.plan_dir("run-3"))
    assert plan.spec.data.train == (data,) and plan.inputs.contents["train"].files == 6
    assert trace(find_version("tiny")).inputs["train"].path == data


def test_a_person_publishes_what_the_gate_refuses(
    fake_executors: Path,
    home: DetectorHome,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("UPCYCLE_ACTOR", "set by the first node")  # so that it is taken back after the test
    run(fake_executors, "run-1", who="ben")
    refuse_all(fake_executors, monkeypatch)
    refused = run(fake_executors, "run-2", who="ben", steps=30)
    assert refused.published is None and refused.live_version == 1

    reason = "signs at night: <b>0.3</b> is better than nothing"
    summary = run(fake_executors, "run-3", who="anna", steps=30, publish_anyway=reason)
    assert [time.node for time in summary.nodes if not time.cached] == ["Pusher"]
    assert summary.verdict is not None and not summary.verdict.blessed
    assert node(home, "run-3", "Evaluator").properties["blessing"] == {"blessed": 0}
    assert summary.published is not None
    assert (summary.published.version, summary.published.live) == (2, True)
    assert summary.published.anyway == f"by anna: {reason}"
    live = live_version(home.serving)
    assert live is not None
    assert live.manifest.facts["published_anyway"] == {"reason": reason, "who": "anna"}
    last = read_history(home.serving)[-1]
    assert (last.action, last.version, last.who, last.anyway) == ("published", 2, "anna", reason)
    assert last.why == "mAP@0.5 is 0.3."
    page = home.report.read_text()
    assert "Published anyway as version 2, by anna: signs at night: &lt;b&gt;0.3&lt;/b&gt; is" in page
    history = CliRunner().invoke(app, ["history", "tiny"]).output
    assert f"by anna, run run-3, not blessed, anyway: {reason} (the gate: mAP@0.5 is 0.3.)" in history
    assert history.count("anyway") == 1
    assert main(["--plan", summary.run_dir]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"refused, published anyway by anna: {reason}: version 2 in" in said


def test_the_cache_knows_the_reason(
    fake_executors: Path, home: DetectorHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_all(fake_executors, monkeypatch)
    assert run(fake_executors, "run-1").published is None
    # nothing is published, so the plan keeps the Pusher from the cache; with a version it doesn't
    first = run(fake_executors, "run-2", publish_anyway="one")
    assert first.published is not None and first.published.version == 1
    other = run(fake_executors, "run-3", publish_anyway="two", steps=30)
    assert other.published is not None and other.published.version == 2
    without = run(fake_executors, "run-4", steps=30)
    assert not node(home, "run-4", "Pusher").cached and without.published is None
    another = run(fake_executors, "run-5", publish_anyway="three", steps=30)
    assert not node(home, "run-5", "Pusher").cached
    assert another.published is not None and another.published.version == 2
    assert [entry.anyway for entry in read_history(home.serving)] == ["one", "two"]
    same = run(fake_executors, "run-6", publish_anyway="three", steps=30)
    assert node(home, "run-6", "Pusher").cached and same.published == another.published


def test_a_blessed_model_is_published_as_ever(fake_executors: Path, home: DetectorHome) -> None:
    summary = run(fake_executors, "run-1", publish_anyway="should it be refused")
    assert summary.published is not None and summary.published.anyway == ""
    assert [entry.anyway for entry in read_history(home.serving)] == [""]
    assert "anyway" not in home.report.read_text()


def test_the_options_of_a_resumed_run_are_its_own(fake_executors: Path) -> None:
    for option in ("--only=convert", "--data=/x", "--checkpoint=/x", "--publish-anyway=x", "--span=x"):
        done = CliRunner().invoke(app, ["run", str(fake_executors), "--resume", option])
        assert done.exit_code == 2 and "a resumed run keeps its own settings" in done.output
