"""A module of this folder as a process of its own: the OD API's code switches its whole process to TF1."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run_child(module: str, *arguments: str, legacy_keras: bool = True, one_dnn: bool = True) -> None:
    """Run tests.parity.`module` to its end; AssertionError with the end of its stderr if it failed."""
    variables = {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    if legacy_keras:
        variables["TF_USE_LEGACY_KERAS"] = "1"
    if not one_dnn:
        variables["TF_ENABLE_ONEDNN_OPTS"] = "0"
    child = subprocess.run(
        [sys.executable, "-m", f"tests.parity.{module}", *arguments],
        env=os.environ | variables,
        capture_output=True,
        text=True,
    )
    assert child.returncode == 0, child.stderr[-3000:]
