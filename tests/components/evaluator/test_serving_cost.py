"""Time and size of an exported model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from components.evaluator.detector import SavedDetector
from components.evaluator.serving_cost import serving_cost


def test_time_and_size_are_measured(tmp_path: Path, save_detector: Callable[..., Path]) -> None:
    model = save_detector(tmp_path, ["stop"]) / "saved_model"
    cost = serving_cost(SavedDetector(model), model, np.zeros((60, 80, 3), np.uint8))
    assert 0 < cost.latency_ms < 1000
    assert (cost.image_size, cost.device) == ((80, 60), "CPU")
    written = sum(file.stat().st_size for file in model.rglob("*") if file.is_file())
    assert cost.size_mb == round(written / 1e6, 3) > 0
