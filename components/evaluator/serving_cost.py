"""What one image costs the exported model: time and size."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.evaluator.detector import SavedDetector
from components.evaluator.results import ServingCost

_WARMING = 3
_MEASURED = 15


def serving_cost(detector: SavedDetector, saved_model: Path, pixels: NDArray[np.uint8]) -> ServingCost:
    """Measure a loaded SavedModel on one image, uint8 [height, width, 3], on whatever runs TensorFlow here.

    The time is the median of several calls with a batch of 1, after others have warmed it, from pixels to
    detections; decoding is not in it.
    """
    batch = pixels[None]
    for _ in range(_WARMING):
        detector.detect(batch)
    times = []
    for _ in range(_MEASURED):
        started = time.perf_counter()
        detector.detect(batch)
        times.append(time.perf_counter() - started)
    height, width = pixels.shape[:2]
    return ServingCost(
        latency_ms=round(1000 * statistics.median(times), 2),
        image_size=(width, height),
        device="GPU" if tf.config.list_physical_devices("GPU") else "CPU",
        size_mb=round(sum(file.stat().st_size for file in saved_model.rglob("*") if file.is_file()) / 1e6, 3),
    )
