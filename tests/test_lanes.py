"""Commands side by side: their output in order, and none of their processes left, whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lanes import Command, run

ROOT = Path(__file__).resolve().parents[1]
WAIT = 'until [ -e "{}" ]; do sleep 0.05; done'  # the tests' own time-out bounds it


def shell(name: str, script: str, alone: bool = False) -> Command:
    return Command(name, ["/bin/sh", "-c", script], os.environ, alone)


def has_ended(pid: int) -> bool:
    """Whether a process ends within 20 s; a zombie has ended."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state in "ZX":
            return True
        time.sleep(0.1)
    return False


def test_output_is_in_order_although_the_second_ends_first(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    done = tmp_path / "done"
    first = shell("first", f"echo one; {WAIT.format(done)}; echo two >&2; exit 3")
    second = shell("second", f"printf '\\377 three\\n'; touch {done}")
    assert run([first, second], lanes=2) == [3, 0]
    lines = capfdbinary.readouterr().out.splitlines()
    assert lines[:2] == [b"-- first: started", b"-- second: started"]
    assert lines[2].startswith(b"== first: exit status 3, ")
    assert lines[3:5] == [b"one", b"two"]
    assert lines[5].startswith(b"== second: exit status 0, ")
    assert lines[6:] == [b"\xff three"]


@pytest.mark.parametrize(("lanes", "most"), [(1, 1), (2, 2), (9, 4)])
def test_no_more_at_once_than_lanes_and_one_that_wants_to_be_alone(
    tmp_path: Path, lanes: int, most: int
) -> None:
    def look(name: str) -> str:
        """Says how many run now."""
        there = f"touch {tmp_path}/on-{name}; sleep 0.3; ls {tmp_path} | grep -c on-"
        return f"{there} > {tmp_path}/saw-{name}; rm {tmp_path}/on-{name}"

    commands = [shell(str(number), look(str(number)), alone=number == 4) for number in range(6)]
    assert run(commands, lanes) == [0] * 6
    saw = [int((tmp_path / f"saw-{number}").read_text()) for number in range(6)]
    assert max(saw) <= most and saw[4] == 1


def test_what_a_command_leaves_behind_is_ended(tmp_path: Path) -> None:
    assert run([shell("forgetful", f"sleep 300 & echo $! > {tmp_path}/pid")], lanes=1) == [0]
    assert has_ended(int((tmp_path / "pid").read_text()))


def test_a_command_that_cannot_start_ends_the_others(tmp_path: Path) -> None:
    # moved into place: it may be ended before it has written anything
    running = shell("running", f"cd {tmp_path} && echo $$ > new && mv new pid && exec sleep 300")
    with pytest.raises(FileNotFoundError):
        run([running, Command("absent", [str(tmp_path / "absent")], {})], lanes=2)
    assert not (tmp_path / "pid").exists() or has_ended(int((tmp_path / "pid").read_text()))


RUNNER = """
import os, sys
from tests.lanes import Command, run
run([Command(str(n), ["/bin/sh", "-c", text], os.environ) for n, text in enumerate(sys.argv[1:])], lanes=2)
"""


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Two commands run and have a child each, the second ones deaf to SIGINT; a third one waits."""
    polite = f"echo started; trap 'echo tidied; exit 1' INT; sleep 300 & echo $! > {tmp_path}/0; wait"
    deaf = f"trap '' INT; sleep 300 & echo $! > {tmp_path}/1; wait; wait"
    process = subprocess.Popen(
        [sys.executable, "-c", RUNNER, polite, deaf, f"touch {tmp_path}/third"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not all((tmp_path / name).exists() and (tmp_path / name).read_text() for name in "01"):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    yield process
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_and_a_second_one_at_once(
    runner: subprocess.Popen[str], tmp_path: Path, first: signal.Signals
) -> None:
    runner.send_signal(first)
    assert has_ended(int((tmp_path / "0").read_text()))
    assert runner.poll() is None  # the deaf one has time to tidy up
    runner.send_signal(signal.SIGINT)
    output = runner.communicate(timeout=20)[0]
    assert runner.returncode == 128 + first
    shown = ["== 0: interrupted", "started", "tidied", "== 1: interrupted"]
    assert output.splitlines() == ["-- 0: started", "-- 1: started", *shown]
    assert has_ended(int((tmp_path / "1").read_text()))
    assert not (tmp_path / "third").exists()
