"""In which floats a training computes: by what the options say, and by what the GPUs are fast at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import keras
from google.protobuf.message import Message

from detection.errors import BadInput

_FLOAT16 = (7, 0)  # the first GPUs with tensor cores, which know float16 alone
_BFLOAT16 = (8, 0)  # the first with bfloat16, and with TF32 for float32


def choose_policy(wanted: str, capabilities: Sequence[tuple[int, int]], model_config: Message) -> str:
    """The Keras policy to build the detector in: float32, mixed_bfloat16 or mixed_float16.

    `auto` is mixed on GPUs of compute capability 7 alone, where only float16 reaches the tensor cores. From 8
    on, float32 reaches them too, as TF32, and bfloat16 was measured to gain nothing over it (devices.md).
    It stays float32 for MobileNet everywhere: a step of many small kernels, which became slower.

    Args:
      wanted: `train.precision`: auto, float32 or mixed.
      capabilities: of each GPU; none on a processor.
      model_config: DetectionModel.

    Raises:
      BadInput: mixed on a GPU that is not fast at it.
    """
    lowest = min(capabilities, default=None)
    if wanted == "mixed":
        if lowest is None or lowest >= _BFLOAT16:
            return "mixed_bfloat16"
        if lowest >= _FLOAT16:
            return "mixed_float16"
        raise BadInput(
            f"the GPU has compute capability {lowest[0]}.{lowest[1]}: it does not compute faster in 16 bits",
            "train.precision",
            "set it to float32; mixed precision needs 7.0 or above",
        )
    if wanted == "float32" or lowest is None or not _FLOAT16 <= lowest < _BFLOAT16:
        return "float32"
    extractor = getattr(model_config, model_config.WhichOneof("model")).feature_extractor.type
    return "float32" if "mobile" in extractor else "mixed_float16"


@contextmanager
def computing_in(policy: str) -> Iterator[None]:
    """Layers that are made meanwhile compute by `policy`; their variables are float32 all the same."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
