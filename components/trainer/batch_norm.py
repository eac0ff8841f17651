"""Whether batch norm's statistics move in a training, where the options leave it open."""

from __future__ import annotations

import math

from google.protobuf.message import Message

from components.trainer.job import TrainingJob
from detection.config.find_messages import find_messages

# Below, the mean and variance of a batch are mostly chance: the network trains against noise that it does not
# meet when it serves. TF1's detectors that trained theirs had 24 images or more on a device.
ENOUGH_IMAGES = 16
# What the moving averages may keep of the old statistics. Training normalises by the batch's own, serving by
# the averages: while these lag behind, the served model is another than the trained one.
_OLD_SHARE = 0.05


def trains_batch_norm(job: TrainingJob, replicas: int) -> bool:
    """Whether batch norm does what the config says; if not, it holds its statistics.

    By itself it does where each device's images of a batch are `ENOUGH_IMAGES`, computed at once and not in
    parts, and the steps are enough for the averages to settle; `train_batch_norm` decides otherwise. What the
    config freezes stays frozen.

    Args:
      job: the training.
      replicas: over how many devices a batch is divided.
    """
    options = job.options
    if options.train_batch_norm is not None:
        return options.train_batch_norm
    enough = job.batch_size // replicas >= ENOUGH_IMAGES
    return enough and not options.in_parts and job.steps >= settling_steps(job.config.model)


def settling_steps(model_config: Message) -> int:
    """Steps until the slowest average of `model_config`, a DetectionModel, is made of new statistics."""
    norms = find_messages("BatchNorm", model_config, "model")
    decay = max((norm.decay for _, norm in norms if norm.decay < 1.0), default=0.0)
    return math.ceil(math.log(_OLD_SHARE) / math.log(decay)) if decay > 0.0 else 1
