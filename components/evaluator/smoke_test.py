"""One picture of an evaluation with the detections that the model gave: what a copy must give too."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from detection.errors import Failed

SMOKE_TEST_FILE = "smoke_test.npz"


@dataclass(frozen=True)
class SmokeTest:
    """`image` uint8 [h, w, 3]; boxes float32 [n, 4] normalised, scores float32 [n], classes int64 [n]."""

    image: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]


def write_smoke_test(test: SmokeTest, directory: Path) -> None:
    """Write SMOKE_TEST_FILE into an evaluation's `directory`."""
    stream = io.BytesIO()
    np.savez_compressed(stream, image=test.image, boxes=test.boxes, scores=test.scores, classes=test.classes)
    (directory / SMOKE_TEST_FILE).write_bytes(stream.getvalue())


def read_smoke_test(directory: Path) -> SmokeTest:
    """The smoke test of an evaluation; Failed if there is none that can be read."""
    path = directory / SMOKE_TEST_FILE
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return SmokeTest(arrays["image"], arrays["boxes"], arrays["scores"], arrays["classes"])
    except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
        raise Failed(
            f"the evaluation's smoke test can't be read ({type(error).__name__})",
            str(path),
            "run the Evaluator again, with --force if its result is cached",
        ) from error
