"""Whether a batch can be divided, over replicas and into parts, and give what it gives undivided."""

from __future__ import annotations

from components.trainer.cluster import VARIABLE
from components.trainer.devices import Devices
from components.trainer.job import TrainingJob
from detection.detector import Detector
from detection.errors import BadInput


class Indivisible(BadInput):
    """The batch can't be divided as it would have to be."""


def check_division(job: TrainingJob, devices: Devices, detector: Detector) -> None:
    """That `detector`, as it will be trained, can divide the batches of `job` over `devices` and into parts.

    Batch norm that trains looks at the images of its replica alone, as TF1's clones do; in parts it would
    move its statistics more often than once a step.

    Raises:
      Indivisible: it can't; says why.
    """
    parts, replicas = job.options.accumulate, devices.replicas
    if parts * replicas == 1:
        return
    shared = VARIABLE if devices.workers else "train.gpus"
    setting = "train.accumulate" if parts > 1 else shared
    why = detector.indivisible
    if job.train_masks:
        why = why or "the mask loss is divided by proposals that are drawn while it is computed"
    if why:
        raise Indivisible(
            f"the losses of this model can't be computed in parts: {why}", setting, _undivided(setting)
        )
    if parts > 1 and detector.batch_norm_trains():
        raise Indivisible(
            "batch norm that trains needs the whole batch at once",
            setting,
            "set it to 1, or train.train_batch_norm to false",
        )
    if job.batch_size % (parts * replicas):
        fits = max(1, round(job.batch_size / (parts * replicas))) * parts * replicas
        raise Indivisible(
            f"a batch of {job.batch_size} images can't be divided into {parts * replicas} equal parts"
            + (f", {parts} on each of {replicas} devices" if replicas > 1 else ""),
            "train.batch_size or train_config.batch_size",
            f"set train.batch_size to {fits}, or change {setting}",
        )


def _undivided(setting: str) -> str:
    return f"unset {VARIABLE}, and train on one device" if setting == VARIABLE else f"set {setting} to 1"
