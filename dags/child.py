"""A child process with a process group of its own, its output as lines, and a sure end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

GRACE_SECONDS = 3.0  # Airflow's supervisor kills the task runner 5 s after its SIGTERM
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)  # loaded before any fork: loading in the forked child could deadlock


def die_with(parent: int) -> Callable[[], None]:
    """What a child does between fork and exec: ask for SIGTERM when `parent` dies, even by kill -9."""

    def setup() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())  # exec would hand down what the parent blocks
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died between the fork and the line above
            os._exit(128 + signal.SIGTERM)

    return setup


def follow_parent() -> None:
    """Asks for SIGTERM when the parent of this process dies."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class ChildProcess:
    """Runs `argv` (no shell) in `cwd` with exactly `environment`; stdout and stderr come as one stream.

    It inherits the file descriptors `keep`.
    """

    def __init__(
        self, argv: Sequence[str], environment: Mapping[str, str], cwd: Path, keep: Collection[int] = ()
    ) -> None:
        self._process = subprocess.Popen(
            list(argv),
            env=dict(environment),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=keep,
            preexec_fn=die_with(os.getpid()),
        )

    @property
    def pid(self) -> int:
        """The process id, which is the process group's id too."""
        return self._process.pid

    def lines(self) -> Iterator[str]:
        """The output's lines as they come, until the child has ended.

        A grandchild that outlives the child may hold the pipe open, so the end of the stream alone is
        not waited for.
        """
        assert self._process.stdout is not None
        pending = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while True:
                if not selector.select(timeout=0.5):
                    if self._process.poll() is not None:
                        break
                    continue
                chunk = os.read(self._process.stdout.fileno(), 65536)
                if not chunk:
                    break
                *complete, pending = (pending + chunk).split(b"\n")
                yield from (_text(line) for line in complete)
        if pending:
            yield _text(pending)

    def wait(self) -> int:
        """Waits for the child and returns its exit code (negative: the signal that ended it)."""
        return self._process.wait()

    def end(self, grace: float = GRACE_SECONDS) -> None:
        """TERM to the whole group, `grace` seconds for the child to save its work, then KILL."""
        self._signal_group(signal.SIGTERM)
        deadline = time.monotonic() + grace
        while self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        self._signal_group(signal.SIGKILL)  # also what the child left behind
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)


def _text(line: bytes) -> str:
    """One line as text; of a line that a progress bar overwrote, what stayed."""
    return line.decode("utf-8", errors="backslashreplace").rstrip("\r").rsplit("\r", 1)[-1].rstrip()
