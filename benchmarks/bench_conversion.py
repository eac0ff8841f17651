"""What does a proved conversion cost, next to copying the same numbers without looking at them?

Peer: `tf.train.load_checkpoint` and `tf.train.Checkpoint.write` of every variable under its own name, which
gives no model and checks nothing. Each side runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.bench_inference import ROOT, demo_graph

ROUNDS = 3


def write_source(prefix: Path) -> float:
    """Write the demo model's variables as a TF1 checkpoint; its size in MB."""
    from components.checkpoint_converter.reverse import write_tf1_checkpoint
    from detection.tf1.frozen_graph import frozen_variables, load_frozen_graph

    variables = frozen_variables(load_frozen_graph(demo_graph()))
    write_tf1_checkpoint(variables, prefix)
    return sum(value.nbytes for value in variables.values()) / 1e6


def peer(prefix: Path, out: Path) -> None:
    """Read every variable and write it again."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(prefix))
    names = reader.get_variable_to_shape_map()
    values = {name: tf.Variable(reader.get_tensor(name)) for name in names}
    tf.train.Checkpoint(values=values).write(str(out / "ckpt"))


def ours(prefix: Path, out: Path) -> None:
    """Convert, prove on four images against the TF1 graph, export."""
    from components.checkpoint_converter.convert import convert
    from detection.config.pipeline_config import read_pipeline_config

    config = read_pipeline_config(ROOT / "detectors" / "demo" / "pipeline.config")
    convert(config, prefix, out / "converted", images=[])


SIDES = {"peer": peer, "ours": ours}


def measure(side: str, prefix: Path) -> dict[str, float]:
    """Seconds after the import of TensorFlow, and peak memory in MB, of one side in a new process."""
    command = [sys.executable, "-m", "benchmarks.bench_conversion", "--side", side, "--prefix", str(prefix)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    measured: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return measured


def run_side(side: str, prefix: Path) -> None:
    """What the new process does: one side, its cost as the last line of stdout."""
    import tensorflow  # noqa: F401  # not part of what is measured

    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        SIDES[side](prefix, Path(folder))
        seconds = time.perf_counter() - started
    own, children = (
        resource.getrusage(who).ru_maxrss / 1e3 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(json.dumps({"seconds": seconds, "peak_mb": max(own, children)}))


def main() -> None:
    """Print seconds and peak memory for 100 MB of variables, and the ratio to the peer's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--prefix", type=Path)
    arguments = parser.parse_args()
    if arguments.side:
        run_side(arguments.side, arguments.prefix)
        return
    with tempfile.TemporaryDirectory() as folder:
        prefix = Path(folder) / "model.ckpt"
        megabytes = write_source(prefix)
        rounds = [{side: measure(side, prefix) for side in SIDES} for _ in range(ROUNDS)]
    best = {side: min(one[side]["seconds"] for one in rounds) for side in SIDES}
    peak = {side: max(one[side]["peak_mb"] for one in rounds) for side in SIDES}
    scale = 100 / megabytes
    print(
        f"conversion of {megabytes:.0f} MB: Upcycle, with proof and export, {best['ours'] * scale:.1f} s "
        f"per 100 MB, peak {peak['ours']:.0f} MB; load_checkpoint + Checkpoint.write "
        f"{best['peer'] * scale:.1f} s per 100 MB, peak {peak['peer']:.0f} MB; "
        f"ratio {best['ours'] / best['peer']:.1f} in time, {peak['ours'] / peak['peer']:.1f} in memory"
    )


if __name__ == "__main__":
    main()
