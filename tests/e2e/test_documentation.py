"""Every command that README.md and docs/ show is run here, on the shortened demo."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

pytestmark = pytest.mark.timeout(1500)


def documented_commands() -> list[str]:
    """The lines of all ```bash blocks, each once, in the order of the pages."""
    commands: dict[str, None] = {}
    for page in PAGES:
        for block in re.findall(r"^ *```bash\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.S | re.M):
            commands.update((line.strip(), None) for line in block.splitlines() if line.strip())
    return list(commands)


COMMANDS = documented_commands()
MAKE = [command for command in COMMANDS if command.startswith("make ")]
UPCYCLE = [command for command in COMMANDS if command.startswith("upcycle ")]
SERVERS = [command for command in UPCYCLE if command.startswith("upcycle airflow")]
CONVERT = next(command for command in UPCYCLE if command.endswith(" --out runs/converted"))


def test_nothing_but_make_and_upcycle_is_shown() -> None:
    assert len(UPCYCLE) >= 8 and len(MAKE) >= 3
    assert sorted(MAKE + UPCYCLE) == sorted(COMMANDS)


@pytest.mark.parametrize("command", MAKE)
def test_make_target_exists(command: str) -> None:
    ran = subprocess.run(["make", "-n", *command.split()[1:]], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_make_help_lists_the_targets() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True).stdout
    for target in ("demo", "test", "airflow", "lint", "bench", "help"):
        assert f"make {target} " in shown


@dataclass(frozen=True)
class Conversion:
    """What CONVERT wrote and said."""

    folder: Path
    ran: subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def converted(demo: Any, tmp_path_factory: pytest.TempPathFactory) -> Conversion:
    """CONVERT, run once: another command reads what it has written."""
    folder = tmp_path_factory.mktemp("converted") / "out"
    return Conversion(folder, demo.run(*shlex.split(CONVERT)[:-1], str(folder)))


@pytest.mark.parametrize("command", [command for command in UPCYCLE if command not in SERVERS])
def test_command_runs(demo: Any, command: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if "microcontrollers.yaml" in command:
        pytest.skip("test_microcontrollers runs it on the real photographs")
    argv = [
        str(tmp_path / part.removeprefix("runs/")) if part.startswith("runs/") else part
        for part in shlex.split(command)
    ]
    if "detectors/demo.yaml" in argv:
        # The shortened demo's own YAML and steps: its results are in the cache.
        argv[argv.index("detectors/demo.yaml")] = f"{demo.environment['UPCYCLE_DETECTORS']}/demo.yaml"
        argv += ["--steps", "16"]
    if "--reverse" in argv:
        argv[argv.index("--reverse") + 1] = str(request.getfixturevalue("converted").folder)
    ran = request.getfixturevalue("converted").ran if command == CONVERT else demo.run(*argv)
    assert ran.returncode == 0, ran.stdout
    assert ran.stdout.strip() and "Traceback" not in ran.stdout


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.exists(), reason="the photographs of ../shared/data are not here")
@pytest.mark.parametrize("detector", ["microcontrollers", "microcontrollers_frozen"])
def test_microcontrollers_learns_four_classes(demo: Any, detector: str) -> None:
    ran = demo.run("upcycle", "run", f"detectors/{detector}.yaml", "--json", timeout=1400)
    assert ran.returncode == 0, ran.stdout
    summary = json.loads((demo.home / detector / "summary.json").read_text(encoding="utf-8"))
    assert summary["conversion"]["proof"]["passed"]
    assert summary["candidate"]["metrics"]["mAP_50"] > 0.6


def test_airflow_command_starts_and_stops(demo: Any) -> None:
    port = free_port()
    argv = ["upcycle", "airflow", "--port", str(port)]
    process = subprocess.Popen(
        argv, cwd=ROOT, env=dict(demo.environment), start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        lines: list[str] = []
        for line in process.stdout:  # ends when the process does; pytest's timeout bounds the rest
            lines.append(line)
            if f"http://127.0.0.1:{port}" in line:
                break
        assert process.poll() is None, lines
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v2/monitor/health", timeout=30) as answer:
            assert json.load(answer)["scheduler"]["status"] == "healthy"
        process.send_signal(signal.SIGINT)
        output = "".join(lines) + process.communicate(timeout=60)[0]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0 and "stopped" in output and "Traceback" not in output
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
