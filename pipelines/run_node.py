"""One node of a plan in a process of its own: what every orchestrator calls.

`python -m pipelines.run_node --plan RUN_DIR --node NODE --result FILE`. Exit codes: 0 done, 99 nothing to do
(the Pusher, when the model was refused; a node that the run leaves out), 78 bad input (a retry can't help),
1 failed, 143 ended by SIGTERM.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from pipelines.capture import quiet_stderr
from pipelines.node import run_node
from pipelines.plan import read_plan
from pipelines.process import EXIT_SKIPPED, exit_code_of, write_json

EXIT_TERMINATED = 128 + signal.SIGTERM


def main(arguments: list[str] | None = None) -> int:
    """Run one node; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.run_node", description=__doc__)
    parser.add_argument("--plan", type=Path, required=True, help="the run's directory")
    parser.add_argument("--node", required=True, help="for example Trainer")
    parser.add_argument("--result", type=Path, required=True, help="where the result's JSON goes")
    given = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        plan = read_plan(given.plan)
        if given.node in plan.left_out:
            print(f"{given.node}: left out, this run does only {', '.join(plan.nodes)}", flush=True)
            return EXIT_SKIPPED
        result = run_node(plan, given.node)
    except Exception as error:
        return exit_code_of(error)
    write_json(given.result, result.model_dump())
    how = "from the cache" if result.cached else f"done in {result.seconds:.1f} s"
    print(f"{result.node}: {how}", flush=True)
    return EXIT_SKIPPED if result.skipped else 0


def _lead_a_group() -> None:
    """Have a process group of our own, whoever started us; a terminal's Ctrl-C still needs to reach us."""
    if os.getpgrp() != os.getpid() and not sys.stdin.isatty():
        with contextlib.suppress(PermissionError):
            os.setpgid(0, 0)


def _end_group() -> None:
    """Ask all that this node started (Beam workers, the TF1 oracle) to end too."""
    if os.getpgrp() == os.getpid():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(os.getpgrp(), signal.SIGTERM)


def _terminate(number: int, frame: FrameType | None) -> None:
    # No Exception: TFX would record a failure and delete what a retry could resume from.
    raise SystemExit(EXIT_TERMINATED)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _terminate)
    _lead_a_group()
    with quiet_stderr():
        try:
            exit_code = main()
        finally:
            _end_group()
    sys.exit(exit_code)
