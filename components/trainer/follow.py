"""Lends this machine to a training that a node runs on another one: `python -m components.trainer.follow`.

TF_CONFIG says which machines there are and which one this is. The files of the training must be here at the
same paths. Nothing is written. Exit codes: 0 when the training and its export are done, 78 for bad input,
here or where the training runs, else 1. Start it again, and it waits for the next attempt.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import keras
import tensorflow as tf
from pydantic import BaseModel

from components.trainer.determinism import deterministic_if_asked
from components.trainer.devices import Devices, select_devices
from components.trainer.end_request import AskedToEnd, EndRequest
from components.trainer.job import TrainingJob, TrainingPaths, make_job
from components.trainer.options import ExportOptions, TrainOptions
from components.trainer.setup import build_trainer
from components.trainer.shared_trainer import Agreement, variables_of
from components.trainer.shortages import shortages_named
from components.trainer.stages import build_stages
from components.trainer.workers import Workers, ending_together
from detection.config.pipeline_config import format_pipeline_config, parse_pipeline_config
from detection.errors import BadInput, UpcycleError

_INVITATION = "training/invitation"
_NOWHERE = Path(os.devnull)


class Invitation(BaseModel):
    """What the other machines must know of a training; `identity` is that of the job they make of it.

    Its paths say nothing of where to write.
    """

    config: str
    paths: TrainingPaths
    options: TrainOptions
    export: ExportOptions
    identity: str


def invite(workers: Workers, job: TrainingJob) -> None:
    """Tells the machines that follow what to train."""
    invitation = Invitation(
        config=format_pipeline_config(job.config),
        paths=replace(job.paths, out=_NOWHERE, work=_NOWHERE, logs=_NOWHERE),
        options=job.options,
        export=job.export,
        identity=job.identity(),
    )
    workers.tell(_INVITATION, invitation.model_dump_json())
    workers.wait_for_all()


def follow() -> None:
    """Computes this machine's part of one training, to its end.

    Raises:
      BadInput: TF_CONFIG, this machine or its files don't fit the training; or another machine ended for such
        a reason, such as a loss that is no number.
      Failed: the training ended before it was done.
    """
    devices = select_devices(TrainOptions(), follows=True)
    workers = devices.workers
    assert workers is not None  # else select_devices would have raised
    with ending_together(workers):
        workers.wait_for_all()
        invitation = Invitation.model_validate_json(workers.hear(_INVITATION))
        with deterministic_if_asked(invitation.options):
            job = _accept(invitation, devices)
            print(f"following {workers.cluster.addresses[0]} for {job.steps} steps", flush=True)
            with shortages_named(job.config, job.batch_size, ()):
                _train(job, devices, workers)
        print("the steps are done, waiting for the export", flush=True)
        workers.part()


def _accept(invitation: Invitation, devices: Devices) -> TrainingJob:
    paths = invitation.paths
    _require_files([paths.converted / "checkpoint", *paths.train_files, *paths.eval_files])
    config = parse_pipeline_config(invitation.config, "the training's pipeline.config")
    job = make_job(config, paths, invitation.options, invitation.export, share=devices.share)
    if job.identity() != invitation.identity:
        raise BadInput(
            "the converted model or the records are others here than where the training runs",
            f"{paths.converted}, {', '.join(map(str, paths.train_files))}",
            "let all machines have the same folder at this path",
        )
    return job


def _require_files(files: Iterable[Path]) -> None:
    for file in files:
        if not file.exists():
            raise BadInput(
                "a file of the training is not on this machine",
                str(file),
                "let all machines have the folders UPCYCLE_HOME and of the data at the same paths",
            )


def _train(job: TrainingJob, devices: Devices, workers: Workers) -> None:
    keras.utils.set_random_seed(job.options.seed)
    with devices.scope():
        trainer = build_trainer(job, devices)
    workers.begin_alike(variables_of(trainer))
    with EndRequest() as end:
        end.asked, stopped = workers.agree(end.asked, False)
        step = int(trainer.optimizer.iterations.numpy())
        for stage in build_stages(job, trainer):
            if step >= stage.end or stopped:
                continue
            trainer.train_only(stage.trained)
            trainer.fit(
                job.training_batches(trainer.detector, step),
                steps_per_epoch=stage.end - step,
                shuffle=False,
                verbose=0,
                callbacks=[Agreement(workers, end), _Stop(end)],
            )
            step, stopped = stage.end, trainer.stop_training


class _Stop(keras.callbacks.Callback):
    """Ends a training that any machine was asked to end."""

    def __init__(self, end: EndRequest) -> None:
        super().__init__()
        self._end = end

    def on_train_batch_end(self, batch: int, logs: dict[str, tf.Tensor] | None = None) -> None:
        """Raises AskedToEnd if so."""
        if self._end.asked:
            raise AskedToEnd(
                "the training was asked to end, and the first machine saves its last step",
                "SIGTERM",
                "start all machines again: the training goes on from there",
            )


def main(arguments: list[str] | None = None) -> int:
    """Follow one training; returns the exit code."""
    argparse.ArgumentParser(prog="python -m components.trainer.follow", description=__doc__).parse_args(
        arguments
    )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        follow()
    except UpcycleError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return error.exit_code
    print("done", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
