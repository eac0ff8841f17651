"""How long does a node take from its process's start to its executor's first line?

Ours: the launcher of TFX as `pipelines.run_node` imports it, then the node's executor. Peer: what a node of
plain TFX does, `tfx.v1` and the launcher, then the same executor. Each start is a process of its own; goal:
under 8 s a node on 2 cores.
"""

from __future__ import annotations

import argparse
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
LAUNCHER = "from tfx.orchestration.portable import launcher; from tfx.orchestration import metadata"
SIDES = {
    "ours": f"import pipelines.run_node, pipelines.tfx_import as ours; ours.import_tfx(); {LAUNCHER}",
    "peer": f"import tfx.v1; {LAUNCHER}",
}
CPU = "import os, json; used = os.times(); print(json.dumps(used.user + used.system))"


def measure(side: str, node: str) -> tuple[float, float]:
    """Wall and processor seconds of one start."""
    program = f"{SIDES[side]}; import components.{EXECUTORS[node]}.executor; {CPU}"
    started = time.perf_counter()
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return time.perf_counter() - started, float(json.loads(ran.stdout.splitlines()[-1]))


def main() -> None:
    """Print the median wall and processor seconds of each node's start, ours and the peer's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--nodes", nargs="+", choices=EXECUTORS, default=list(EXECUTORS))
    options = parser.parse_args()
    for side in SIDES:
        measure(side, "ConfigValidator")  # the files are in memory from now on
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
