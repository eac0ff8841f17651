"""How long does a node take from its process's start until it can begin to work?

Ours: the launcher of TFX as `pipelines.run_node` imports it, then all that the node's executor imports, at
its top and when it runs. Peer: what a node of plain TFX does, `tfx.v1` and the launcher, then the same
executor. Each start is a process of its own; goal: under 8 s a node on 2 cores. Processor seconds hold on a
busy machine too.
"""

from __future__ import annotations

import argparse
import ast
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXECUTORS = {
    "ExampleGen": "example_gen",
    "ConfigValidator": "config_validator",
    "CheckpointConverter": "checkpoint_converter",
    "Trainer": "trainer",
    "Evaluator": "evaluator",
    "Pusher": "pusher",
}
REFUSED = "Pusher, refused"  # it has nothing to publish, and imports what is at its executor's top
NODES = (*EXECUTORS, REFUSED)
LAUNCHER = "from tfx.orchestration.portable import launcher; from tfx.orchestration import metadata"
SIDES = {
    "ours": "import pipelines.run_node; from pipelines.tfx_import import import_tfx; import_tfx(); "
    f"{LAUNCHER}; from pipelines.slim_imports import slim_imports; slim_imports()",
    "peer": f"import tfx.v1; {LAUNCHER}",
}
CPU = "import os, json; used = os.times(); print(json.dumps(used.user + used.system))"


def imports_of(node: str) -> str:
    """The import statements of a node's executor, as a program."""
    file = ROOT / "components" / EXECUTORS[node.partition(",")[0]] / "executor.py"
    tree = ast.parse(file.read_text(encoding="utf-8"))
    statements = tree.body if node == REFUSED else list(ast.walk(tree))
    found = [each for each in statements if isinstance(each, ast.Import | ast.ImportFrom)]
    future = [each for each in found if isinstance(each, ast.ImportFrom) and each.module == "__future__"]
    return "; ".join(ast.unparse(each) for each in found if each not in future)


def measure(side: str, node: str) -> tuple[float, float]:
    """Wall and processor seconds of one start."""
    program = f"{SIDES[side]}; {imports_of(node)}; {CPU}"
    started = time.perf_counter()
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return time.perf_counter() - started, float(json.loads(ran.stdout.splitlines()[-1]))


def main() -> None:
    """Print the median wall and processor seconds of each node's start, ours and the peer's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--nodes", nargs="+", choices=NODES, default=list(NODES))
    options = parser.parse_args()
    for side in SIDES:
        measure(side, "Trainer")  # the files are in memory from now on
    print(f"{'node':20s} {'ours':>8s} {'peer':>8s} {'ratio':>6s}   processor: ours, peer")
    for node in options.nodes:
        rounds = [{side: measure(side, node) for side in SIDES} for _ in range(options.rounds)]
        wall, processor = (
            {side: statistics.median(found[side][index] for found in rounds) for side in SIDES}
            for index in (0, 1)
        )
        print(
            f"{node:20s} {wall['ours']:7.1f}s {wall['peer']:7.1f}s {wall['ours'] / wall['peer']:6.2f}   "
            f"{processor['ours']:.1f} s, {processor['peer']:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
