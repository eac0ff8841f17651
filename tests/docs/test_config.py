"""What docs/config.md and docs/cli.md show of `upcycle lint` is what it does."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from components.config_validator.explain import explanations
from pipelines.cli import app

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "detectors/demo"
PAGE = (ROOT / "docs/config.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.S | re.M)
COMMANDS = [
    line
    for page in ("config.md", "cli.md", "detectors.md")
    for line in (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines()
    if line.strip().startswith("upcycle lint ")
]


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("command", dict.fromkeys(line.strip() for line in COMMANDS))
def test_every_command_runs(command: str, tmp_path: Path) -> None:
    arguments = [part.replace("runs/", f"{tmp_path}/") for part in shlex.split(command)[1:]]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert done.output.strip()
    assert ("--fix" in arguments) == (tmp_path / "fixed.config").is_file()


def test_the_finding_and_the_diff_are_what_lint_prints(tmp_path: Path) -> None:
    config = tmp_path / "broken.config"
    text = (DEMO / "pipeline.config").read_text()
    config.write_text(text.replace("num_classes: 4", "num_classes: 90  # as in COCO"))
    shown = (
        CliRunner().invoke(app, ["lint", str(config), "--label-map", str(DEMO / "label_map.pbtxt")]).output
    )
    examples = [text for language, text in BLOCKS if language in ("", "diff")]
    assert len(examples) == 2
    for example in examples:
        assert example.replace("broken.config", str(config)) in shown


def test_the_json_has_the_fields_that_are_named(tmp_path: Path) -> None:
    config = tmp_path / "pipeline.config"
    config.write_text((DEMO / "pipeline.config").read_text().replace("num_classes: 4", "num_classes: 0"))
    answer = json.loads(CliRunner().invoke(app, ["lint", str(config), "--json"]).output)
    (example,) = (json.loads(text) for language, text in BLOCKS if language == "json")
    assert list(answer) == list(example)
    assert list(answer["findings"][0]) == list(example["findings"][0])


def test_every_code_that_is_named_exists() -> None:
    named = set(re.findall(r"\b(?:CFG|TXT|MAP|OLD|INP)\d{3}\b", PAGE))
    assert named and named <= set(explanations())
