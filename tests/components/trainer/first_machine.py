"""A training that other machines follow, as its node would run it; see test_follow.

Arguments: the directory with a training's inputs, where it trains to, its options as JSON, and, if it is to
wait for a line on stdin then, the step that is saved before.
"""

from __future__ import annotations

import sys
from pathlib import Path

from components.trainer.fit import train
from components.trainer.job import TrainingPaths
from components.trainer.options import TrainOptions
from components.trainer.saver import Logs, Saver
from detection.config.pipeline_config import read_pipeline_config
from detection.errors import UpcycleError


def main(root: Path, out: Path, options: str, pause_at: int) -> int:
    """The exit code of the training."""
    save = Saver.on_train_batch_end

    def pausing(saver: Saver, batch: int, logs: Logs | None = None) -> None:
        save(saver, batch, logs)
        if saver._state.step == pause_at:
            print("paused", flush=True)
            sys.stdin.readline()

    Saver.on_train_batch_end = pausing
    paths = TrainingPaths(
        root / "converted",
        [root / "train.tfrecord.gz"],
        [root / "eval.tfrecord.gz"],
        root / "label_map.pbtxt",
        out,
        out / "work",
        out / "logs",
    )
    try:
        train(
            read_pipeline_config(root / "pipeline.config"), paths, TrainOptions.model_validate_json(options)
        )
    except UpcycleError as error:
        print(f"error: {error}", flush=True)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int((*sys.argv, "0")[4])))
