"""The quick executors of tests/pipelines, each of which hangs when it is told to, half of its work done.

Orders and records are those of tests/dags/stub_node.py: DETECTOR.NODE.json {"sleep": S}, calls.jsonl.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from tfx.dsl.components.base import base_executor


class _Steered(base_executor.BaseExecutor):
    def Do(self, input_dict: Any, output_dict: Any, exec_properties: Any) -> None:  # noqa: N802
        """Write half of every output, sleep if so ordered, then let the quick executor write all of it."""
        folder, node = Path(os.environ["UPCYCLE_STUB"]), type(self).__name__
        run = os.environ["UPCYCLE_RUN_ID"]
        halves = [Path(artifacts[0].uri) / "half" for artifacts in output_dict.values()]
        for half in halves:
            left = [path.name for path in half.parent.iterdir()]
            assert left == [], f"an attempt found what another one left: {left}"
            half.write_text("half of a result", encoding="utf-8")
        beside = _is_beside(folder / f"{run}.{node}.lock")
        _record(folder, node=node, run=run, pid=os.getpid(), beside=beside)
        for order in folder.glob(f"mlmd*.{node}.json"):
            helper = subprocess.Popen(["sleep", "600"])  # as Beam has
            _record(folder, node=node, run=run, helper=helper.pid)
            time.sleep(json.loads(order.read_text(encoding="utf-8"))["sleep"])
        for half in halves:
            half.unlink()
        # Here, because it imports TensorFlow
        quick = getattr(importlib.import_module("fake_executors"), node)
        quick(self._context).Do(input_dict, output_dict, exec_properties)


def _is_beside(path: Path) -> bool:
    """Whether another attempt runs; the lock is this process's until it ends, however it ends."""
    try:
        fcntl.flock(os.open(path, os.O_CREAT | os.O_WRONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _record(folder: Path, **facts: object) -> None:
    with open(folder / "calls.jsonl", "a", encoding="utf-8") as calls:
        calls.write(json.dumps(facts) + "\n")


class ExampleGen(_Steered):
    """Steered."""


class ConfigValidator(_Steered):
    """Steered."""


class CheckpointConverter(_Steered):
    """Steered."""


class Trainer(_Steered):
    """Steered."""


class Evaluator(_Steered):
    """Steered."""
