"""Starts programs, waits until they are healthy, and ends them with all that they have started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from problem import Failed
from program import Program, require

HEALTHY_SECONDS = 600.0


class Processes:
    """The running programs, each the leader of a process group, with a log file each."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._running: list[tuple[Program, subprocess.Popen[bytes]]] = []

    def start(self, program: Program) -> None:
        """Starts a program; it ends also when this process is killed."""
        setpriv = [require("setpriv"), "--pdeathsig", program.stop_signal.removeprefix("SIG")]
        with open(self.log_of(program), "ab") as log:
            process = subprocess.Popen(
                [*setpriv, *program.argv],
                env=program.environment,
                cwd=program.workdir,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append((program, process))

    def log_of(self, program: Program) -> Path:
        """The file with the output of one program."""
        return self.logs / f"{program.name}.log"

    def check(self) -> None:
        """Raises Failed when a program has ended."""
        for program, process in self._running:
            if process.poll() is not None:
                log = self.log_of(program)
                end = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
                raise Failed(
                    f"{program.name} ended with {process.returncode}", str(log), f"see its end:\n{end}"
                )

    def wait_until_healthy(self, program: Program) -> None:
        """Asks by the program's health check; raises Failed when it has ended or takes too long."""
        deadline = time.monotonic() + HEALTHY_SECONDS
        answer = "no answer"
        while time.monotonic() < deadline:
            self.check()
            with contextlib.suppress(subprocess.TimeoutExpired):
                done = subprocess.run(
                    program.health,
                    env=program.environment,
                    cwd=program.workdir,
                    capture_output=True,
                    text=True,
                    stdin=subprocess.DEVNULL,
                    timeout=30,
                )
                if done.returncode == 0:
                    return
                answer = (done.stdout + done.stderr).strip()
            time.sleep(program.health_interval)
        log = self.log_of(program)
        raise Failed(f"{program.name} isn't healthy after {HEALTHY_SECONDS:.0f} s", str(log), answer)

    def stop(self) -> None:
        """Ends the programs, the last started first: the stop signal, then KILL to the rest of the group."""
        for program, process in reversed(self._running):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.Signals[program.stop_signal])
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(program.grace)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._running.clear()
