"""Runs trainings in child processes that die where they are told to.

Reads one JSON object a line from stdin and prints, for each, the exit code of a child that ran it:
  root: directory with a training's inputs; out: where it trains to; log: where its output goes.
  at: where the signal comes: "first_step" (`after` seconds after it), "checkpoint" (in the middle of a
    write), "validation" (after its first batch), "export" (before change `number` of the output directory),
    "saved_model" (while TensorFlow writes it), or absent.
  signal: its name; times: how often it comes.
The children are forked, so that TensorFlow is imported once; it does nothing before the fork.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from components.trainer import validation
from components.trainer.fit import train
from components.trainer.job import TrainingPaths
from components.trainer.options import TrainOptions
from components.trainer.saver import Saver
from detection.config.pipeline_config import read_pipeline_config
from detection.errors import UpcycleError

STEPS = 60
OPTIONS = TrainOptions(
    steps=STEPS,
    schedule="cosine",
    checkpoint_every_steps=5,
    eval_every_steps=7,
    keep="best",
)
EXIT_INTERRUPTED = 130


def run(attempt: dict[str, Any]) -> int:
    """One training in this process; its exit code, as a node's."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    root, out = Path(attempt["root"]), Path(attempt["out"])
    config = read_pipeline_config(root / "pipeline.config")
    config.train_config.optimizer.moving_average_decay = 0.9
    config.eval_config.use_moving_averages = True
    paths = TrainingPaths(
        converted=root / "converted",
        train_files=[root / "train.tfrecord.gz"],
        eval_files=[root / "eval.tfrecord.gz"],
        label_map=root / "label_map.pbtxt",
        out=out / "model",
        work=out / "work",
        logs=out / "logs",
    )
    arm(attempt, out)
    try:
        train(config, paths, OPTIONS)
    except UpcycleError as error:
        print(error, flush=True)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0


def arm(attempt: dict[str, Any], out: Path) -> None:
    """Prepares the death that `attempt` asks for."""

    def die() -> None:
        for _ in range(attempt.get("times", 1)):
            os.kill(os.getpid(), getattr(signal, attempt["signal"]))
            time.sleep(0.01)

    at = attempt.get("at")
    if at == "first_step":
        delay = attempt["after"]
        before_first(Saver, "on_train_batch_end", lambda: threading.Timer(delay, die).start())
    elif at == "checkpoint":
        when_there(out / "work" / "checkpoints", "*_temp", die)
    elif at == "saved_model":
        when_there(out, "model/**/variables*/*", die)
    elif at == "validation":
        before_first(validation, "images_of", die)
    elif at == "export":
        before_change(attempt["number"], str(out / "model"), die)


def before_first(owner: Any, name: str, action: Callable[[], None]) -> None:
    """Lets `action` come before the first call of a function."""
    original = getattr(owner, name)

    def call(*arguments: Any, **settings: Any) -> Any:
        setattr(owner, name, original)
        action()
        return original(*arguments, **settings)

    setattr(owner, name, call)


def when_there(directory: Path, pattern: str, action: Callable[[], None]) -> None:
    """Lets `action` come as soon as a new path matches."""
    before = set(directory.glob(pattern))

    def watch() -> None:
        while not set(directory.glob(pattern)) - before:
            time.sleep(0.0002)
        action()

    threading.Thread(target=watch, daemon=True).start()


def before_change(number: int, directory: str, action: Callable[[], None]) -> None:
    """Lets `action` come before Python's change number `number` to what is in `directory`."""
    seen = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_WRONLY
        changes = event in {"os.mkdir", "os.rename", "os.remove", "os.rmdir"}
        if (writes or changes) and str(arguments[0]).startswith(directory):
            seen += 1
            if seen == number:
                action()

    sys.addaudithook(hook)


if __name__ == "__main__":
    for line in sys.stdin:
        wanted = json.loads(line)
        child = os.fork()
        if child == 0:
            log = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os._exit(run(wanted))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
