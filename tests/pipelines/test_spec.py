"""DetectorSpec: what is accepted, what is refused and how it is said; importable in both environments."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from components.example_gen.records import DataOptions
from pipelines.spec import DataSpec, DetectorSpec, SpecError

ROOT = Path(__file__).resolve().parents[2]
GOOD = """\
name: boards
gate: {floor: 0.4}
model:
  pipeline_config: boards/pipeline.config
  checkpoint: /models/model.ckpt
data:
  train: ${PL_DATA:-../data}/train
  label_map: boards/label_map.pbtxt
"""


def with_gate(rules: str) -> str:
    return GOOD.replace("floor: 0.4", rules)


def parse(text: str) -> DetectorSpec:
    return DetectorSpec.from_text(text, "boards.yaml", Path("/repo/detectors"))


def refused(text: str) -> SpecError:
    with pytest.raises(SpecError) as caught:
        parse(text)
    return caught.value


def test_paths_are_absolute_and_defaults_are_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PL_DATA", raising=False)
    spec = parse(GOOD)
    assert spec.model.pipeline_config == "/repo/detectors/boards/pipeline.config"
    assert spec.model.checkpoint == "/models/model.ckpt"
    assert spec.data.train == ("/repo/data/train",)
    assert spec.data.eval is None and spec.data.eval_fraction == 0.2
    assert (spec.gate.metric, spec.gate.floor, spec.gate.drop) == ("mAP_50", 0.4, 0.0)
    assert (spec.executor, spec.schedule.cron, spec.publish.destination) == ("process", None, None)


def test_a_path_from_a_variable_starts_at_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PL_DATA", "mine")
    assert parse(GOOD).data.train == (str(tmp_path / "mine" / "train"),)
    monkeypatch.setenv("PL_DATA", "/elsewhere")
    assert parse(GOOD).data.train == ("/elsewhere/train",)
    monkeypatch.setenv("PL_DATA", "")
    assert parse(GOOD).data.train == ("/repo/data/train",), "an empty variable counts as unset"


def test_variables_in_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PL_STEPS", "70")
    assert parse(GOOD + "train: {steps: '${PL_STEPS}', batch_size: '${PL_B:-8}'}\n").train.steps == 70


def test_package_checkpoints_stay_as_they_are() -> None:
    text = GOOD.replace("/models/model.ckpt", "package:some-dist:some/file.pb")
    assert parse(text).model.checkpoint == "package:some-dist:some/file.pb"


@pytest.mark.parametrize(
    ("text", "what", "where", "fix"),
    [
        (GOOD.replace("train:", "trian:"), "unknown key `data.trian` (and 1 more)", ":7", "`train`?"),
        (GOOD + "trainer: {}\n", "unknown key `trainer`", ":9", "did you mean `train`?"),
        (GOOD + "xyzzy: 1\n", "unknown key `xyzzy`", ":9", "the keys here are: name, description"),
        (
            GOOD.replace("  label_map: boards/label_map.pbtxt\n", ""),
            "`data.label_map` is missing",
            ":6",
            "add",
        ),
        (GOOD + "train: {steps: many}\n", "`train.steps`: Input should be a valid integer", ":9", "steps"),
        (with_gate("floor: 0.4, metric: AP"), "`gate.metric`: Input should be 'mAP'", ":2", "COCO metric"),
        (
            with_gate("min_value: 0.4"),
            "unknown key `gate.min_value`",
            ":2",
            "the keys here are: metric, floor",
        ),
        (with_gate("drop: 0.02"), "`gate`: a gate without a floor lets any model pass", ":2", "correct"),
        (with_gate("floor: 1.4"), "`gate.floor`: Input should be less than or equal to 1", ":2", "least"),
        (
            with_gate("class_floors: {cat: -1}"),
            "`gate.class_floors.cat`: Input should be greater",
            ":2",
            "single classes",
        ),
        (GOOD.replace("gate: {floor: 0.4}\n", ""), "`gate` is missing", "", "to be published, with a floor"),
        (with_gate("floor: 0, slice_drop: 0.1"), "gate.slice_drop needs evaluate.slices", "", "correct"),
        (with_gate("floor: 0, old_classes_drop: 0.1"), "needs model.label_map: old classes", "", "correct"),
        (
            GOOD + "evaluate: {old_eval: old.record}\n",
            "evaluate.old_eval needs model.label_map",
            "",
            "correct",
        ),
        (
            GOOD.replace("model.ckpt\n", "model.ckpt\n  prove: false\n"),
            "gate.proof wants a proof, and model.prove switches it off",
            "",
            "correct",
        ),
        (
            GOOD + "evaluate: {slices: [{by: size}]}\n",
            "`evaluate.slices`: a slice by size needs `edges`",
            ":9",
            "correct",
        ),
        (GOOD.replace("boards\n", "My Boards\n", 1), "`name`: a name has lower case", ":1", "lower case"),
        (GOOD + "schedule: {cron: daily}\n", "a cron expression has five fields", ":9", "five fields"),
        (
            GOOD + "train: {steps: 10, warmup_steps: 10}\n",
            "`train`: warmup_steps must be less than steps",
            ":9",
            "correct",
        ),
        (
            GOOD + "train: {keep: best}\n",
            "`train`: keep: best needs eval_every_steps: it looks at validations",
            ":9",
            "correct",
        ),
        (GOOD.replace(":-../data", ""), "variable PL_DATA is not set", ":7", "${PL_DATA:-...}"),
        (GOOD + "name: again\n", "the key `name` is given twice", ":9 (first on line 1)", "keep one"),
        ("name: [", "not valid YAML", ":1:8", "correct the YAML"),
        ("- a\n", "not a mapping", "", "microcontrollers.yaml"),
    ],
)
def test_what_is_wrong_is_said_with_line_and_fix(
    monkeypatch: pytest.MonkeyPatch, text: str, what: str, where: str, fix: str
) -> None:
    monkeypatch.delenv("PL_DATA", raising=False)
    error = refused(text)
    assert what in error.what
    assert error.where == f"boards.yaml{where}"
    assert fix in error.fix
    assert str(error) == f"{error.what}\n  where: {error.where}\n  fix:   {error.fix}"


def test_a_missing_file_is_a_spec_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="can't read the detector's YAML: No such file"):
        DetectorSpec.from_file(tmp_path / "none.yaml")


@pytest.mark.parametrize("file", sorted((ROOT / "detectors").glob("*.yaml")), ids=lambda file: file.stem)
def test_the_detectors_of_this_repository(file: Path) -> None:
    spec = DetectorSpec.from_file(file)
    assert spec.name == file.stem
    for path in (spec.model.pipeline_config, spec.model.label_map, spec.data.label_map):
        assert path is not None and Path(path).is_file(), path


def test_findings_are_allowed_by_their_codes() -> None:
    text = GOOD.replace("data:\n", "  allow: [CFG012, CFG043]\ndata:\n")
    assert parse(text).model.allow == ["CFG012", "CFG043"]
    error = refused(text.replace("CFG012", "learning rate"))
    assert "model.allow" in error.what and "codes of findings" in error.fix


def test_the_data_section_is_what_the_data_options_are() -> None:
    ours, theirs = DataSpec.model_fields, DataOptions.model_fields
    assert list(ours) == list(theirs)
    data = parse(GOOD + "  drift: {action: stop}\n").data
    assert DataOptions.model_validate(data.model_dump()).model_dump() == data.model_dump()


def test_several_paths_and_addresses() -> None:
    text = GOOD.replace(
        "  train: ${PL_DATA:-../data}/train\n", "  train: [a, gs://b/../c, s3://d]\n  test: x\n"
    )
    data = parse(text).data
    assert data.train == ("/repo/detectors/a", "gs://b/../c", "s3://d") and data.test == (
        "/repo/detectors/x",
    )


@pytest.mark.parametrize(
    ("line", "what", "fix"),
    [
        ("  eval: []\n", "`data.eval`: Value should have at least 1 item", "the same for evaluation"),
        ("  eval: [7]\n", "`data.eval` is text, and YAML reads 7 as a number", 'quotes: `eval: "..."`'),
        ("  eval: [[]]\n", "`data.eval`: Input should be a valid string", "the same for evaluation"),
        ("  span: 12\n", "`data.span` is text, and YAML reads 12 as a number", 'quotes: `span: "..."`'),
        ("  span: 2026-11-27\n", "`data.span` is text, and YAML reads 2026-11-27 as a date", "quotes"),
        ("  span: no\n", "`data.span` is text, and YAML reads False as a yes or no", "quotes"),
        ("  drift: {stop: 1}\n", "unknown key `data.drift.stop`", "the keys here are: class_frequency"),
        ("  drift: {action: halt}\n", "`data.drift.action`: Input should be 'warn'", "beyond them"),
        ("  spans: 0\n", "`data.spans`: Input should be greater than", "how many spans"),
    ],
)
def test_what_is_wrong_with_the_data(line: str, what: str, fix: str) -> None:
    error = refused(GOOD + line)
    assert what in error.what and error.where == "boards.yaml:9" and fix in error.fix


def test_span() -> None:
    assert not parse(GOOD).data.uses_span
    assert all(
        parse(GOOD.replace("/train", f"/{s}/train")).data.uses_span for s in ("{span}", "{SPAN}", "{SPAN:3}")
    )


def _pythons() -> list[Path]:
    airflow = ROOT / ".venv-airflow" / "bin" / "python"
    return [Path(sys.executable), *([airflow] if airflow.exists() else [])]


@pytest.mark.parametrize("python", _pythons(), ids=lambda python: python.parts[-3])
def test_both_environments_import_it_and_it_stays_light(python: Path) -> None:
    code = (
        "import sys; from pipelines.spec import DetectorSpec\n"
        "DetectorSpec.from_file('detectors/microcontrollers.yaml')\n"
        "heavy = {'tensorflow', 'tfx', 'keras', 'airflow', 'detection', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [python, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_files_of_an_evaluation_are_absolute() -> None:
    text = GOOD.replace("data:\n", "  label_map: old.pbtxt\ndata:\n") + (
        "evaluate: {old_eval: old.record, slices: [{by: csv, csv: weather.csv, column: weather}]}\n"
    )
    evaluate = parse(text).evaluate
    assert evaluate.old_eval == ("/repo/detectors/old.record",)
    assert evaluate.slices[0].csv == "/repo/detectors/weather.csv"
