"""The command line as a person meets it: help, speed, exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ("lint", "convert", "architectures", "run", "lineage", "report", "rollback", "history", "airflow")


def upcycle(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


def test_help_is_light() -> None:
    code = (
        "import sys, pipelines.cli\n"
        "try: pipelines.cli.app(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'tensorflow', 'tfx', 'keras', 'numpy', 'apache_beam', 'ml_metadata', 'pydantic'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy: []"


def test_help_is_quick() -> None:
    before = os.times()  # of the processor: other work on the machine takes time, but not this
    assert upcycle("--help").returncode == 0
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert spent < 1.0


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert f"Example: upcycle {command}" in " ".join(done.output.split())
    if command != "airflow":
        assert "--json" in done.output


def test_wrong_usage_is_2() -> None:
    assert upcycle("run").returncode == 2
    assert upcycle("rollback", "demo", "--to", "one").returncode == 2
    assert upcycle("fly").returncode == 2


def test_convert_takes_a_tf1_model_or_a_converted_one() -> None:
    done = upcycle("convert", "--out", "converted", "--config", "pipeline.config")
    assert done.returncode == 2 and "give --config and --checkpoint, or --reverse" in done.stderr
    done = upcycle("convert", "--reverse", "converted", "--out", "model.ckpt", "--raw", "--classes", "3")
    assert done.returncode == 2 and "leave out --classes, --averages/--raw" in done.stderr


def test_reverse_of_a_folder_that_is_none(tmp_path: Path) -> None:
    done = upcycle("convert", "--reverse", str(tmp_path), "--out", str(tmp_path / "model.ckpt"))
    assert done.returncode == 78
    assert "no folder of a converted or trained detector" in done.stderr and "Traceback" not in done.stderr


def test_bad_input_is_78_in_three_lines(tmp_path: Path) -> None:
    done = upcycle("run", str(tmp_path / "none.yaml"))
    assert done.returncode == 78
    assert done.stderr == (
        "error: can't read the detector's YAML: No such file or directory\n"
        f"  where: {tmp_path}/none.yaml\n"
        "  fix:   give the path of a YAML in detectors/\n"
    )
    done = upcycle("report", "demo", UPCYCLE_HOME=str(tmp_path))
    assert done.returncode == 78
    assert "no run of 'demo' has finished yet" in done.stderr and "Traceback" not in done.stderr


def test_architectures_lists_what_is_proved() -> None:
    shown = CliRunner().invoke(app, ["architectures"]).output
    assert re.search(r"^ssd_mobilenet_v2 +native \d\.\de-0\d ", shown, re.M)
    assert re.search(r"^rfcn_resnet101 +shim   \d\.\de-0\d ", shown, re.M)
    assert re.search(r"^context_rcnn_resnet101 +shim   \d\.\de-0\d ", shown, re.M)
    assert re.search(r"^ssd_spaghettinet_s +shim   \d\.\de-0\d ", shown, re.M)
    listed = json.loads(CliRunner().invoke(app, ["architectures", "--json"]).output)
    assert all(proof["raw_from_checkpoint"] <= 1e-4 for proof in listed["proved"])
    assert {proof["model"] for proof in listed["proved"]} == {"native", "shim"}
    architectures = {proof["architecture"] for proof in listed["proved"]}
    assert {"spaghettinet_edgetpu_s", "ssd_mobilenet_v1_coco"} <= {model["name"] for model in listed["zoo"]}
    assert {model["architecture"] for model in listed["zoo"]} <= architectures


def test_architectures_fits_a_terminal() -> None:
    shown = CliRunner().invoke(app, ["architectures"]).output
    assert max(map(len, shown.splitlines())) <= 80


def test_airflow_needs_its_environment(tmp_path: Path) -> None:
    done = upcycle("airflow", UPCYCLE_AIRFLOW_PYTHON=str(tmp_path / "python"))
    assert done.returncode == 78
    assert "the Airflow environment is not installed" in done.stderr


def test_airflow_becomes_its_server(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$@"\necho "$PYTHONPATH" | grep -q "$EXPECTED" && echo importable\n')
    python.chmod(0o755)
    done = upcycle(
        "airflow", "--port", "8099", UPCYCLE_AIRFLOW_PYTHON=str(python), EXPECTED=str(ROOT), PYTHONPATH=""
    )
    assert done.stdout.splitlines() == ["-m dags.serve --port 8099", "importable"]


def test_lint_says_what_is_wrong(tmp_path: Path) -> None:
    demo = ROOT / "detectors" / "demo"
    config, fixed = tmp_path / "pipeline.config", tmp_path / "fixed.config"
    config.write_text(
        (demo / "pipeline.config").read_text().replace("num_classes: 4", "num_classes: 90  # as in COCO")
    )
    done = upcycle("lint", str(config), "--label-map", str(demo / "label_map.pbtxt"), "--fix", str(fixed))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        f"{config}:6: error CFG001: num_classes is 90" in done.stdout and "(applied by --fix)" in done.stdout
    )
    assert "num_classes: 4  # as in COCO" in fixed.read_text()
    config.write_text(config.read_text().replace("num_classes: 90", "num_classes: 0"))
    done = upcycle("lint", str(config))
    assert done.returncode == 1 and "1 error, " in done.stdout
    done = upcycle("lint", str(config), "--allow", "CFG001", "--allow", "cfg002")
    assert done.returncode == 0 and "(allowed: left as it is)" in done.stdout


@pytest.mark.parametrize(
    ("text", "code", "exit_code"),
    [
        ("model { ssd { num_classes: } }", "TXT008", 78),
        ("", "TXT013", 78),
        (None, "TXT020", 78),
        ("model { ssd { } }", "CFG001", 1),
    ],
)
def test_lint_always_answers_with_json(tmp_path: Path, text: str | None, code: str, exit_code: int) -> None:
    config = tmp_path / "pipeline.config"
    if text is not None:
        config.write_text(text)
    done = upcycle("lint", str(config), "--json")
    assert done.returncode == exit_code and done.stderr == ""
    answer = json.loads(done.stdout)
    assert answer["config"] == str(config) and answer["errors"] >= 1
    assert code in [finding["code"] for finding in answer["findings"]]
    assert all(finding["location"].startswith(str(config)) for finding in answer["findings"])
    done = upcycle("lint", str(config))
    assert done.returncode == exit_code and f"error {code}: " in done.stdout and done.stderr == ""


def test_lint_explains_a_code() -> None:
    shown = CliRunner().invoke(app, ["lint", "--explain", "cfg012"])
    assert shown.exit_code == 0 and shown.output.startswith("CFG012: learning rate")
    told = json.loads(CliRunner().invoke(app, ["lint", "--explain", "TXT007", "--json"]).output)
    assert told["code"] == "TXT007" and told["severities"] == ["error"]
    done = upcycle("lint", "--explain", "CFG999")
    assert done.returncode == 78 and "there is no code 'CFG999'" in done.stderr
    assert upcycle("lint").returncode == 2


def test_lint_imports_little() -> None:
    demo = ROOT / "detectors" / "demo"
    arguments = ["lint", str(demo / "pipeline.config"), "--label-map", str(demo / "label_map.pbtxt")]
    code = (
        "import sys, pipelines.cli\n"
        f"try: pipelines.cli.app({arguments!r})\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'tensorflow', 'tfx', 'keras', 'numpy', 'apache_beam', 'ml_metadata', 'PIL'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy: []"


def test_lint_is_quick() -> None:
    demo = ROOT / "detectors" / "demo"
    best = 9.0
    for _ in range(3):
        before = os.times()
        assert upcycle("lint", str(demo / "pipeline.config")).returncode == 0
        after = os.times()  # of the processor: other work on the machine takes time, but not this
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        best = min(best, spent)
    assert best < 0.8  # benchmarks/bench_lint.py measures what it takes
