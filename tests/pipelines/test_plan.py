"""Plans: written whole, once; a changed input makes another; the baseline that keeps the cache warm."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from components.pusher.publish import publish
from detection.errors import BadInput
from pipelines import plan, retraining
from pipelines.cli import app
from pipelines.home import DetectorHome
from pipelines.overrides import Overrides
from pipelines.plan import find_baseline, main, make_plan, read_plan
from pipelines.run_local import latest_plan
from pipelines.spec import SpecError

MakePlan = Callable[..., Path]
ROOT = Path(__file__).resolve().parents[2]


def test_a_plan_reads_back(make_tiny_plan: MakePlan, tmp_path: Path) -> None:
    run_dir = make_tiny_plan("manual__2026-11-25T09:00:00+00:00")
    assert run_dir == tmp_path / "home" / "tiny" / "plans" / "manual__2026-11-25T09_00_00_00_00"
    plan = read_plan(run_dir)
    assert plan.run_id == "manual__2026-11-25T09:00:00+00:00"
    assert plan.destination == str(tmp_path / "home" / "tiny" / "serving")
    assert plan.metadata == f"sqlite:///{tmp_path}/home/tiny/metadata.sqlite"
    ir = json.loads((run_dir / "pipeline.json").read_text())
    nodes = [node["pipeline_node"] for node in ir["nodes"]]
    assert [node["node_info"]["id"] for node in nodes] == ["ExampleGen", "Pusher"]
    version = nodes[0]["parameters"]["parameters"]["code_version"]["field_value"]["string_value"]
    assert version == plan.code_versions["ExampleGen"]
    assert all(node["execution_options"]["caching_options"]["enable_cache"] for node in nodes)


def test_planning_again_gives_the_same_plan(make_tiny_plan: MakePlan) -> None:
    first = make_tiny_plan("run-1")
    before = (first / "plan.json").read_bytes()
    assert make_tiny_plan("run-1") == first
    assert (first / "plan.json").read_bytes() == before


def test_planning_again_after_an_edit_makes_another(make_tiny_plan: MakePlan, detector: Path) -> None:
    first = make_tiny_plan("run-1")
    (detector.parent / "label_map.pbtxt").write_text("item { id: 1 name: 'cat' } # edited")
    second = make_tiny_plan("run-1")
    assert second == first.with_name("run-1~2")
    assert read_plan(second).run_id == "run-1~2"
    assert make_tiny_plan("run-1") == second


def test_the_fingerprint_follows_contents_and_settings_only(make_tiny_plan: MakePlan, detector: Path) -> None:
    base = read_plan(make_tiny_plan("run-1")).fingerprint
    assert read_plan(make_tiny_plan("run-2", text="another description")).fingerprint == base
    assert read_plan(make_tiny_plan("run-3", force=True)).fingerprint == base
    text = detector.read_text()
    for number, (old, new) in enumerate(
        [
            ("steps: 20", "steps: 21"),
            ("checkpoint: model.ckpt", "checkpoint: model.ckpt\n  weights: raw"),
            ("checkpoint: model.ckpt", "checkpoint: model.ckpt\n  prove: false"),
            ("checkpoint: model.ckpt", "checkpoint: model.ckpt\n  allow: [CFG012]"),
            ("floor: 0.0", "floor: 0.1"),
            ("gate:", "evaluate: {operating_score: 0.4}\ngate:"),
        ],
        start=4,
    ):
        detector.write_text(text.replace(old, new))
        assert read_plan(make_tiny_plan(f"run-{number}")).fingerprint != base


def test_force_and_overrides_are_in_the_plan(make_tiny_plan: MakePlan, detector: Path) -> None:
    run_dir = make_tiny_plan("run-1", force=True)
    assert '"enable_cache": true' not in (run_dir / "pipeline.json").read_text()
    plan = make_plan(detector, Overrides(steps=5, learning_rate=0.5), "run-2")
    assert (plan.spec.train.steps, plan.spec.train.learning_rate) == (5, 0.5)


@pytest.mark.parametrize(("steps", "rate"), [(0, None), (None, -1.0)])
def test_overrides_that_can_not_be(
    make_tiny_plan: MakePlan, detector: Path, steps: int | None, rate: float | None
) -> None:
    with pytest.raises(BadInput, match="can't be"):
        make_plan(detector, Overrides(steps=steps, learning_rate=rate), "run-1")


def test_a_short_run_has_a_short_warmup(make_tiny_plan: MakePlan, detector: Path) -> None:
    detector.write_text(detector.read_text().replace("steps: 20", "steps: 400\n  warmup_steps: 40"))
    plan = make_plan(detector, Overrides(steps=30), "run-1")
    assert plan.spec.train.warmup_steps == 3
    assert plan.triggered == ["steps", "warmup_steps"]


def test_the_trainer_is_told_what_the_trigger_changed(make_tiny_plan: MakePlan, detector: Path) -> None:
    def triggered(run_id: str, **overrides: Any) -> list[str]:
        return make_plan(detector, Overrides(**overrides), run_id).triggered

    assert triggered("run-1") == []
    assert triggered("run-2", learning_rate=0.5) == ["learning_rate"]
    # the YAML's own value is no change: the cache holds what it made
    assert triggered("run-3", steps=20) == []


def _publish(destination: Path, content: bytes, fingerprint: str, baseline: str) -> str:
    model = destination.parent / "model"
    (model / "saved_model" / "variables").mkdir(parents=True, exist_ok=True)
    (model / "saved_model" / "saved_model.pb").write_bytes(content)
    (model / "saved_model" / "variables" / "variables.index").write_bytes(content)
    (model / "label_map.pbtxt").write_text("item { id: 1 name: 'cat' }")
    (model / "pipeline.config").write_text("model {}")
    facts = {"detector": "tiny", "run_id": "r", "fingerprint": fingerprint, "baseline": baseline}
    return str(publish(model, destination, facts).path)


def test_the_baseline(tmp_path: Path) -> None:
    destination = tmp_path / "serving"
    assert find_baseline(destination, "A") == ("", False)
    first = _publish(destination, b"1", "A", "")
    assert find_baseline(destination, "A") == ("", True), "the same run again compares as it did"
    assert find_baseline(destination, "B") == (first, True)
    second = _publish(destination, b"2", "B", first)
    assert find_baseline(destination, "B") == (first, True)
    assert find_baseline(destination, "A") == (second, True)
    _publish(destination, b"3", "C", "/gone/versions/9")
    assert find_baseline(destination, "C")[0] == str(destination / "versions" / "3")


def test_drift_is_compared_with_the_data_before(
    make_tiny_plan: MakePlan, detector: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Path, str]] = []

    def before(name: str, sqlite: Path, data_fingerprint: str) -> str:
        asked.append((name, sqlite, data_fingerprint))
        return "/before/quarantine"

    monkeypatch.setattr(plan, "previous_statistics", before)
    assert read_plan(make_tiny_plan("run-1")).previous_statistics == ""
    assert not asked  # nobody looks where the YAML doesn't ask for drift
    detector.write_text(detector.read_text().replace("data:\n", "data:\n  drift: {box_size: 0.2}\n"))
    made = read_plan(make_tiny_plan("run-2"))
    assert made.previous_statistics == "/before/quarantine"
    assert asked == [("tiny", DetectorHome.of("tiny").metadata, retraining.data_fingerprint(made.inputs))]


def test_latest_plan(make_tiny_plan: MakePlan) -> None:
    home = DetectorHome.of("tiny")
    assert latest_plan(home) is None
    make_tiny_plan("b")
    make_tiny_plan("a")
    latest = latest_plan(home)
    assert latest is not None and latest.run_id == "a"


def test_the_command_line(make_tiny_plan: MakePlan, detector: Path, tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    arguments = ["--detector", str(detector), "--run-id", "run-1", "--result", str(result), "--steps", "7"]
    assert main(arguments) == 0
    written = json.loads(result.read_text())
    assert written["run_dir"] == str(tmp_path / "home" / "tiny" / "plans" / "run-1")
    assert (written["run_id"], written["detector"], written["baseline"]) == ("run-1", "tiny", "")
    assert read_plan(Path(written["run_dir"])).spec.train.steps == 7


def test_the_command_line_has_every_option(make_tiny_plan: MakePlan, detector: Path, tmp_path: Path) -> None:
    for suffix in ("index", "data-00000-of-00001"):
        (tmp_path / f"other.ckpt.{suffix}").write_bytes(b"other")
    data = detector.parent / "data"
    (data / "train").rename(data / "2026-11")
    detector.write_text(detector.read_text().replace("data/train", "data/{span}"))
    result = tmp_path / "result.json"
    arguments = ["--detector", str(detector), "--run-id", "run-1", "--result", str(result), "--force"]
    options = {
        "span": "2026-11",
        "data": str(data / "{span}"),
        "learning-rate": "0.25",
        "checkpoint": str(tmp_path / "other.ckpt"),
        "publish-anyway": "a good reason",
    }
    assert main([*arguments, *(f"--{name}={value}" for name, value in options.items())]) == 0
    written = json.loads(result.read_text())
    assert written["nodes"] == list(retraining.NODES) and written["left_out"] == []
    made = read_plan(Path(written["run_dir"]))
    assert made.inputs.data.train == (str(data / "2026-11"),)
    assert made.inputs.checkpoint == str(tmp_path / "other.ckpt")
    assert made.inputs.contents["checkpoint"].files == 2
    assert (made.spec.train.learning_rate, made.publish_anyway) == (0.25, "a good reason")
    assert made.uncached == list(retraining.NODES)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (
            ["--steps=0"],
            "Invalid input for param steps: 0 is less than the minimum of 1\n  where: --steps\n"
            "  fix:   give a whole number from 1 to 10000000, or leave it out\n",
        ),
        (
            ["--steps=many"],
            "Invalid input for param steps: 'many' is not of type 'null', 'integer'\n  where: --steps\n"
            "  fix:   give a whole number from 1 to 10000000, or leave it out\n",
        ),
        (
            ["--learning-rate=NaN"],
            "Invalid input for param learning_rate: nan is no finite number\n  where: --learning-rate\n"
            "  fix:   give a number above 0, at most 10, or leave it out\n",
        ),
        (
            ["--span=2026-11"],
            "Invalid input for param span: '2026-11' is not of type 'null'\n  where: --span\n"
            "  fix:   leave it out, or put {span} into a path of the detector's YAML\n",
        ),
        (
            ["--only=evaluate", "--publish-anyway=good"],
            "publish_anyway makes no sense in a run that trains and publishes nothing\n"
            "  where: --publish-anyway beside --only=evaluate\n  fix:   leave one of the two out\n",
        ),
        (
            ["--unknown=stesp"],
            "unknown param stesp\n  where: the run's parameters\n  fix:   did you mean steps?\n",
        ),
    ],
)
def test_what_can_not_be_ends_with_78(
    detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], error: str
) -> None:
    arguments = ["--detector", str(detector), "--run-id", "r", "--result", str(tmp_path / "r.json")]
    assert main([*arguments, *options]) == 78
    assert capsys.readouterr().err == f"error: {error}"
    assert not (tmp_path / "r.json").exists() and not (tmp_path / "home").exists()
    if "--unknown" not in options[0]:
        done = CliRunner().invoke(app, ["run", str(detector), *options])
        assert isinstance(done.exception, SpecError) and str(done.exception) == error.rstrip("\n")


def test_a_reason_is_no_part_of_the_fingerprint(make_tiny_plan: MakePlan, detector: Path) -> None:
    plain = make_plan(detector, Overrides(), "run-1")
    anyway = make_plan(detector, Overrides(publish_anyway="one"), "run-1")
    other = make_plan(detector, Overrides(publish_anyway="two"), "run-1")
    assert [made.run_id for made in (plain, anyway, other)] == ["run-1", "run-1~2", "run-1~3"]
    assert plain.fingerprint == anyway.fingerprint == other.fingerprint
    assert make_plan(detector, Overrides(publish_anyway="one"), "run-1") == anyway


def test_bad_input_ends_with_78_and_three_parts(detector: Path, tmp_path: Path) -> None:
    detector.write_text(detector.read_text().replace("steps", "stesp"))
    arguments = ["--detector", str(detector), "--run-id", "r", "--result", str(tmp_path / "r.json")]
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.plan", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 78
    assert done.stderr == (
        f"error: unknown key `train.stesp`\n  where: {detector}:10\n  fix:   did you mean `steps`?\n"
    )
    assert not (tmp_path / "r.json").exists()
