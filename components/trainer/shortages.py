"""Names what ran out, memory or disk, and what to change."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import Message

from detection.errors import BadInput, Failed

_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT)
_DISK_TEXT = re.compile("No space left on device|Disk quota exceeded")
_MEMORY_TEXT = re.compile("OOM when allocating|out of memory|OUT_OF_MEMORY", re.IGNORECASE)


@contextmanager
def shortages_named(config: Message, batch_size: int, places: Sequence[Path]) -> Iterator[None]:
    """Turns the errors of TensorFlow and the system about full memory or disk into one that can be acted on.

    Args:
      config: TrainEvalPipelineConfig, for its resizer.
      batch_size: images a step.
      places: directories that the training writes to.

    Raises:
      BadInput: out of memory; the same step would need it again.
      Failed: a disk is full; with space, a retry goes on.
    """
    try:
        yield
    except (MemoryError, OSError, tf.errors.OpError) as error:
        if _is_disk_full(error):
            raise Failed(
                "the disk is full",
                "; ".join(f"{place}: {_free(place)}" for place in places),
                "make room, or set UPCYCLE_HOME to a larger disk, and retry: "
                "the training goes on from its last checkpoint",
            ) from error
        if is_out_of_memory(error):
            raise out_of_memory(error, config, batch_size) from error
        raise


def out_of_memory(error: BaseException, config: Message, images: int) -> BadInput:
    """What to change where `error` says that memory is too small for `images` at once."""
    return BadInput(f"out of memory{_wanted(error)}", _device(error), _fix(config, images))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory, of the processor or a GPU, was too small, and not a disk."""
    if _is_disk_full(error):
        return False
    exhausted = isinstance(error, MemoryError | tf.errors.ResourceExhaustedError)
    return exhausted or bool(_MEMORY_TEXT.search(str(error)))


def _is_disk_full(error: BaseException) -> bool:
    # TensorFlow has one class for full disks and full memory: what is in its text decides.
    return getattr(error, "errno", None) in _DISK_ERRORS or bool(_DISK_TEXT.search(str(error)))


def _wanted(error: BaseException) -> str:
    shape = re.search(r"shape\s?\[([\d,]+)\]", str(error))
    return f", for a tensor of shape [{shape[1]}]" if shape else ""


def _device(error: BaseException) -> str:
    device = re.search(r"device:(\w+:\d+)", str(error))
    return f"training, on {device[1]}" if device else "training"


def _fix(config: Message, images: int) -> str:
    kind = config.model.WhichOneof("model")
    resizer = str(getattr(config.model, kind).image_resizer) if kind else ""
    smaller = f"make the images smaller, image_resizer {{ {' '.join(resizer.split())} }}"
    if images == 1:
        return f"{smaller}: they are computed one by one already"
    return (
        "set train.halve_batch to true, which computes a batch in parts; or set train.batch_size to "
        f"{images // 2} (it is {images}) and lower train.learning_rate with it, or {smaller}"
    )


def _free(place: Path) -> str:
    while not place.exists():
        place = place.parent
    return f"{shutil.disk_usage(place).free / 2**20:.0f} MiB free"
