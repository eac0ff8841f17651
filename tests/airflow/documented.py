"""The shell commands that docs/ shows for Airflow, run as they are written against a test's server."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.airflow.harness import Airflow

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "http://127.0.0.1:8080"
# Each block of shell in these pages: the page, and what only this block has
BLOCKS = {
    "token": ("security", "TOKEN="),
    "trigger": ("airflow", "/dagRuns"),
    "event": ("schedules", "/assets/events"),
    "backfill": ("schedules", "/backfills"),
    "backfill command": ("schedules", "airflow backfill create"),
}


def blocks_of(page: str) -> list[str]:
    """The ```sh blocks of docs/PAGE.md."""
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def block(name: str) -> str:
    """One of `BLOCKS`, or "call": the definitions at the beginning of "event", which "backfill" uses too."""
    if name == "call":
        return block("event").split("\n\n")[0]
    page, mark = BLOCKS[name]
    [found] = [text for text in blocks_of(page) if mark in text]
    return found


def run_documented(airflow: Airflow, *names: str, **changes: str) -> str:
    """Runs some blocks in one shell, with Airflow's settings, and returns what they print.

    Only the server's address is changed, and what `changes` names: other detectors, other dates.
    """
    for program in ("curl", "jq"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    script = "\n".join(map(block, names))
    for old, new in {ADDRESS: f"http://127.0.0.1:{airflow.port}", **changes}.items():
        assert old in script or old == ADDRESS, f"{old} is in none of {names}"
        script = script.replace(old, new)
    settings = Path(f"/proc/{airflow.service('scheduler')}/environ").read_bytes().decode().split("\0")
    environment = dict(entry.split("=", 1) for entry in settings if entry)
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=environment | {"PATH": f"{Path(sys.executable).parent}:{environment['PATH']}"},
        cwd=airflow.folder,
        text=True,
        timeout=240,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert ran.returncode == 0, ran.stdout
    return ran.stdout
