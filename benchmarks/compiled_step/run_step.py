"""Runs the programs that export_step.py wrote, on what JAX finds: the same losses? how fast?

Needs JAX and NumPy only. Prints a line for each program: the device, the seconds to compile, milliseconds of
a step (median), images a second, and for the first and the second step the largest relative difference of the
losses from TensorFlow's on the CPU that wrote them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
from inputs import Shapes, make_inputs
from jax._src.lib import xla_client

ROUNDS = 30


def load(program: bytes) -> Any:
    """The compiled program; called by `execute_sharded`."""
    client = jax.devices()[0].client
    text = xla_client._xla.mlir.hlo_to_stablehlo(program)
    devices = xla_client.DeviceList((jax.devices()[0],))
    return client.compile_and_load(text, devices, xla_client.CompileOptions())


def run(name: str, folder: Path, rounds: int) -> dict[str, Any]:
    """Compile, compare two steps' losses, then time `rounds` steps, each from the variables of the last."""
    written = json.loads((folder / f"{name}.json").read_text())
    shapes = Shapes(**written["shapes"])
    trained, others, _, *groundtruth = make_inputs(shapes)
    images = np.load(folder / f"{name}.images.npy").astype(np.float32)
    started = time.perf_counter()
    step = load((folder / f"{name}.hlo").read_bytes())
    compiled = time.perf_counter() - started
    variables = [jax.device_put(value) for value in [*trained, *others]]
    batch = [jax.device_put(value) for value in [images, *groundtruth]]
    losses, seconds = [], []
    parts = len(written["losses"][0])
    for _ in range(2 + rounds):
        started = time.perf_counter()
        outputs = step.execute([*variables, *batch])
        outputs[0].block_until_ready()
        outputs[-1].block_until_ready()
        seconds.append(time.perf_counter() - started)
        losses.append([float(value) for value in outputs[:parts]])
        variables = outputs[parts:]
    wanted, found = np.array(written["losses"]), np.array(losses[:2])
    median = statistics.median(seconds[2:])
    return {
        "program": name,
        "device": jax.devices()[0].device_kind,
        "compile_s": round(compiled, 2),
        "step_ms": round(1000 * median, 3),
        "images_per_s": round(shapes.image[0] / median, 1),
        "loss_difference": [float(difference) for difference in np.abs(found / wanted - 1).max(1)],
        "finite": bool(np.isfinite(losses[-1]).all()),
    }


def main() -> None:
    """Run every program of a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    for file in sorted(arguments.folder.glob("*.hlo")):
        print(json.dumps(run(file.stem, arguments.folder, arguments.rounds)), flush=True)


if __name__ == "__main__":
    main()
