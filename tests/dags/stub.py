"""Orders for stub_node.py, and what it recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def calls(folder: Path) -> list[dict[str, Any]]:
    """What the stubs of $UPCYCLE_STUB=`folder` recorded, in order."""
    return [json.loads(line) for line in (folder / "calls.jsonl").read_text(encoding="utf-8").splitlines()]


def steer_trainer(folder: Path, **order: object) -> None:
    """Orders the stub Trainer to {exit, times, sleep, print}, see stub_node.py."""
    (folder / "Trainer.json").write_text(json.dumps(order), encoding="utf-8")
