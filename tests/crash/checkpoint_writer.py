"""Saves a training's state again and again in child processes, which are killed in the middle of a write.

Arguments: directory, number of kills. Prints a JSON object for each child: the step, the range of the
variables' values, the history and the files that it found, and whether the child before it left a checkpoint
half written. The children are forked, so that TensorFlow is imported once; it does nothing before the fork.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import keras
import tensorflow as tf

from components.trainer.state import TrainingState

SIZE = 1_000_000  # floats; a write takes some milliseconds


def save_forever(directory: Path, half_written: bool) -> None:
    """Restores, says what was there, then saves steps whose number is each variable's value."""
    inputs = keras.Input([1])
    model = keras.Model(inputs, keras.layers.Dense(SIZE)(inputs))
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(model.trainable_variables)
    state = TrainingState(directory, model, optimizer, "tests", checkpoints_kept=2)
    step = state.restore()
    values = [variable.numpy() for variable in model.variables]
    found = {
        "step": step,
        "lowest": float(min(value.min() for value in values)),
        "highest": float(max(value.max() for value in values)),
        "history": [row["step"] for row in state.history],
        "files": sorted(path.name for path in (directory / "checkpoints").glob("*")),
        "half_written": half_written,
    }
    print(json.dumps(found), flush=True)
    while True:
        optimizer.iterations.assign_add(1)
        for variable in model.variables:
            variable.assign(tf.fill(variable.shape, float(state.step)))
        state.history.append({"step": state.step})
        state.save()


def kill_in_a_write(child: int, checkpoints: Path, after: int) -> bool:
    """Waits for `after` checkpoints of the child, then kills it in the next write; whether that was hit."""
    seen: set[str] = set()
    while len(seen) <= after:
        seen |= {path.name for path in checkpoints.glob("*_temp")}
        time.sleep(0.0002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return any(checkpoints.glob("*_temp"))


if __name__ == "__main__":
    directory, kills = Path(sys.argv[1]), int(sys.argv[2])
    half_written = False
    for number in range(kills):
        child = os.fork()
        if child == 0:
            save_forever(directory, half_written)
        half_written = kill_in_a_write(child, directory / "checkpoints", after=number + 1)
