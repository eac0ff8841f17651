"""What computes a training: the processor, or GPUs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from components.trainer.cluster import VARIABLE, read_cluster
from components.trainer.options import TrainOptions
from components.trainer.share import WHOLE, Share
from components.trainer.workers import Workers
from detection.detector import Detector
from detection.errors import BadInput, Failed

_NO_GPU = ("", "none", "void", "-1", "NoDevFiles")  # values of the two environment variables that mean none
_CUDA = (
    "install TensorFlow's CUDA libraries (pip install 'upcycle[cuda]', that is tensorflow[and-cuda]), look "
    "with nvidia-smi whether the driver works, and see that CUDA_VISIBLE_DEVICES does not hide the GPU"
)
# Compiling took minutes on a GPU and then saved 28 to 60 ms a step (devices.md): it pays from here on.
_STEPS_WORTH_COMPILING = 3000


@dataclass(frozen=True)
class Devices:
    """Where a training runs.

    Attributes:
      strategy: TensorFlow's own, for one replica or several.
      description: in words, for people.
      jit_compile: what the options say of XLA; None leaves it to the devices and the training's length.
      capabilities: compute capability of each GPU; none on the processor.
      workers: the machines that share the training; None for one alone.
    """

    strategy: tf.distribute.Strategy
    description: str
    jit_compile: bool | None
    capabilities: tuple[tuple[int, int], ...] = ()
    workers: Workers | None = None

    @property
    def share(self) -> Share:
        """What of each batch this machine reads."""
        if self.workers is None:
            return WHOLE
        cluster = self.workers.cluster
        return Share(cluster.rank, len(cluster.addresses), self.workers.replicas_each)

    @property
    def replicas(self) -> int:
        """How many copies of the model share a batch."""
        return self.strategy.num_replicas_in_sync

    def scope(self) -> AbstractContextManager[None]:
        """Variables are made in it."""
        return self.strategy.scope()

    def compiles(self, detector: Detector, steps: int) -> bool:
        """Whether XLA compiles the training step of `detector`.

        By itself on a GPU alone, and only for a training that is long enough to win back the minutes that it
        takes; on a processor the compiled step is several times slower. It does not reach over devices.

        Args:
          detector: what is trained.
          steps: how many steps the training has.
        """
        pays = bool(self.capabilities) and steps >= _STEPS_WORTH_COMPILING
        wanted = pays if self.jit_compile is None else self.jit_compile
        return wanted and detector.supports_jit and self.replicas == 1


def select_devices(options: TrainOptions, *, follows: bool = False) -> Devices:
    """The devices that `options` ask for and the machine has; call it before TensorFlow computes anything.

    Where TF_CONFIG names several machines it waits for the others.

    Args:
      options: which devices, and what is to run on them.
      follows: whether this machine lends itself to a training that another one runs.

    Raises:
      BadInput: there are not as many GPUs, or none that TensorFlow can use where there should be one; XLA is
        to compile a step that it can't; or TF_CONFIG is wrong, or not this machine's.
      Failed: this process has begun to use a GPU that it should not, or another machine did not come.
    """
    cluster = read_cluster(os.environ)
    if follows and (cluster is None or cluster.first):
        raise BadInput(
            "it does not say that this machine follows another one",
            VARIABLE,
            "give all machines the same cluster, and each one its own place in it as task",
        )
    if cluster and not (cluster.first or follows):
        raise BadInput(
            f"this machine has place {cluster.rank} in the cluster, and the first one runs the training",
            VARIABLE,
            f"start the run at {cluster.addresses[0]}, and `python -m components.trainer.follow` here",
        )
    if cluster:
        _refuse_what_takes_one_machine(options)
    if options.jit_compile and options.deterministic:
        raise BadInput(
            "Keras compiles no step with XLA where operations must be deterministic",
            "train.jit_compile",
            "leave it out, or set train.deterministic to false",
        )
    gpus = choose_gpus(options, tf.config.list_physical_devices("GPU"), asked_for_gpu(os.environ))
    try:
        tf.config.set_visible_devices(gpus, "GPU")
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError as error:
        raise Failed(
            f"TensorFlow can no longer choose its devices: {error}",
            "train.device",
            "train in a process of its own, as run_node does",
        ) from error
    machines = len(cluster.addresses) if cluster else 1
    if options.jit_compile and machines * max(1, len(gpus)) > 1:
        raise BadInput(
            f"XLA compiles a step for one device, and this one runs on {machines * max(1, len(gpus))}",
            "train.jit_compile",
            "leave it out, or set train.gpus to 1",
        )
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    workers = Workers(cluster) if cluster else None
    strategy = workers.strategy if workers else tf.distribute.get_strategy()
    if len(gpus) > 1 and not workers:
        strategy = tf.distribute.MirroredStrategy([f"GPU:{index}" for index in range(len(gpus))])
    return Devices(
        strategy=strategy,
        description=describe(details) + (f" on each of {machines} machines" if workers else ""),
        jit_compile=False if options.deterministic else options.jit_compile,
        capabilities=tuple(detail.get("compute_capability", (0, 0)) for detail in details),
        workers=workers,
    )


def _refuse_what_takes_one_machine(options: TrainOptions) -> None:
    for name in ("lr_search", "sweep", "halve_batch"):
        if getattr(options, name):
            raise BadInput(
                "this can't be done by several machines together",
                f"train.{name}",
                f"leave it out, or unset {VARIABLE} and do it on this machine alone",
            )


def choose_gpus(
    options: TrainOptions, found: Sequence[tf.config.PhysicalDevice], sign: str | None
) -> list[tf.config.PhysicalDevice]:
    """Which of the GPUs that TensorFlow has found to train on.

    Args:
      options: `device` and `gpus`.
      found: GPUs.
      sign: what shows that there should be a GPU; None for a machine without.
    """
    if options.device == "cpu":
        if options.gpus is not None:
            raise BadInput(
                f"{options.gpus} GPUs are asked for, and none", "train.gpus", "leave it out with device: cpu"
            )
        return []
    asked = options.device == "gpu" or options.gpus is not None
    if not found and (asked or sign):
        why = f": {sign}" if sign else ""
        raise BadInput(
            f"TensorFlow finds no GPU{why}",
            "train.device",
            f"{_CUDA}; or set train.device to cpu to train without",
        )
    if options.gpus is not None and options.gpus > len(found):
        raise BadInput(
            f"{options.gpus} GPUs are asked for, and TensorFlow finds {len(found)}",
            "train.gpus",
            f"set it to {len(found)} at most, or see that CUDA_VISIBLE_DEVICES does not hide the others",
        )
    return list(found)[: options.gpus]


def asked_for_gpu(environment: Mapping[str, str], root: Path = Path("/")) -> str | None:
    """What shows that this machine has an NVIDIA GPU, or should have one; None where nothing does.

    Args:
      environment: CUDA_VISIBLE_DEVICES decides, if it is there; NVIDIA_VISIBLE_DEVICES asks a container's
        runtime for GPUs.
      root: of the file system, where the driver shows its devices.
    """
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return None if visible in _NO_GPU else f"CUDA_VISIBLE_DEVICES is {visible}"
    for path in (root / "dev/nvidia0", root / "proc/driver/nvidia/gpus"):
        if path.exists():
            return f"there is {path}"
    requested = environment.get("NVIDIA_VISIBLE_DEVICES", "")
    return None if requested in _NO_GPU else f"NVIDIA_VISIBLE_DEVICES is {requested}"


def describe(details: Sequence[Mapping[str, Any]]) -> str:
    """GPUs in words, from what get_device_details says of each; without any, the processor."""
    if not details:
        return "CPU"
    names = [detail.get("device_name", "of unknown kind") for detail in details]
    different = sorted(set(names))
    return f"{len(names)} GPU{'s' if len(names) > 1 else ''} ({', '.join(different)})"
