from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from dags.child import ChildProcess

ROOT = Path(__file__).resolve().parents[2]


def is_alive(pid: int) -> bool:
    """Whether a process runs (a zombie doesn't)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def run(script: str, **environment: str) -> tuple[list[str], int]:
    child = ChildProcess(["/bin/sh", "-c", script], environment, cwd=Path("/"))
    return list(child.lines()), child.wait()


def test_lines_of_both_streams_in_order_and_the_exit_code():
    lines, code = run("echo one; echo two >&2; printf 'p 1%%\\rp 2%%\\rp 3%%\\n'; printf last; exit 7")
    assert lines == ["one", "two", "p 3%", "last"]
    assert code == 7


def test_bytes_that_are_no_utf8_stay_visible():
    assert run(r"printf '\377caf\303\251\n'")[0] == [r"\xffcafé"]


def test_environment_is_exactly_what_was_given():
    lines, _ = run("/usr/bin/env", COLOUR="red")
    assert [line for line in lines if not line.startswith(("PWD=", "_=", "SHLVL=", "OLDPWD="))] == [
        "COLOUR=red"
    ]


def test_a_grandchild_that_holds_the_pipe_does_not_hold_up_the_end():
    started = time.monotonic()
    child = ChildProcess(["/bin/sh", "-c", "sleep 60 & echo $!; exit 0"], {}, cwd=Path("/"))
    (grandchild,) = child.lines()
    assert child.wait() == 0
    assert time.monotonic() - started < 5
    child.end()
    assert wait_until(lambda: not is_alive(int(grandchild)))


def test_end_kills_a_group_that_ignores_sigterm():
    script = "trap '' TERM; (trap '' TERM; sleep 60) & echo $!; wait; sleep 60"
    child = ChildProcess(["/bin/sh", "-c", script], {"PATH": os.environ["PATH"]}, cwd=Path("/"))
    grandchild = int(next(child.lines()))
    started = time.monotonic()
    child.end(grace=0.5)
    assert 0.4 < time.monotonic() - started < 3
    assert child.wait() == -signal.SIGKILL
    assert wait_until(lambda: not is_alive(grandchild))


def test_end_leaves_time_to_save():
    script = "trap 'sleep 0.3; echo saved; exit 5' TERM; echo up; while :; do sleep 0.1; done"
    child = ChildProcess(["/bin/sh", "-c", script], {"PATH": os.environ["PATH"]}, cwd=Path("/"))
    lines = child.lines()
    assert next(lines) == "up"
    child.end()
    assert list(lines)[-1] == "saved"
    assert child.wait() == 5


def test_child_ends_when_its_parent_is_killed():
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from pathlib import Path; from dags.child import ChildProcess; import time\n"
            "print(ChildProcess(['/bin/sleep', '60'], {}, cwd=Path('/')).pid, flush=True); time.sleep(60)",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert is_alive(child)
    parent.kill()
    parent.wait()
    assert wait_until(lambda: not is_alive(child))
