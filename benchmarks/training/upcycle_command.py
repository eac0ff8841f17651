"""The command line, as benchmarks that train whole detectors call it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.training.data_sets import ROOT


def upcycle(arguments: list[str], work: Path) -> str:
    """What `upcycle ARGUMENTS` printed, with its runs in `work`; RuntimeError with the end of its errors."""
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments],
        cwd=ROOT,
        env=os.environ | {"UPCYCLE_HOME": str(work / "home")},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"upcycle {' '.join(arguments)}: {done.stderr[-2000:]}")
    return done.stdout


def run_summary(detector: Path, work: Path) -> dict[str, Any]:
    """The summary of `upcycle run --json` of a detector's YAML; RuntimeError as `upcycle`."""
    output = upcycle(["run", "--json", str(detector)], work)
    summary: dict[str, Any] = json.loads(output[output.index("{") :])
    return summary


def output_of(run: Path, node: str, name: str) -> Path:
    """Where a node of a run wrote, or found in the cache, one of its outputs."""
    return Path(json.loads((run / "nodes" / f"{node}.json").read_text())["outputs"][name])
