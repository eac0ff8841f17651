"""Batching of images by size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.evaluator.detector import SavedDetector
from detection.errors import BadInput


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory, save_detector: Callable[..., Path]) -> SavedDetector:
    return SavedDetector(save_detector(tmp_path_factory.mktemp("model"), ["stop"]) / "saved_model")


def batches(
    detector: SavedDetector, sizes: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> Counter[int]:
    seen: Counter[int] = Counter()
    original = detector.detect
    monkeypatch.setattr(detector, "detect", lambda images: seen.update([len(images)]) or original(images))
    images = ((number, np.zeros((*size, 3), np.uint8)) for number, size in enumerate(sizes))
    keys = [key for key, _ in detector.detect_all(images)]
    assert sorted(keys) == list(range(len(sizes)))
    return seen


def test_equal_sizes_share_batches_of_eight(detector: SavedDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    assert batches(detector, [(30, 40), (40, 30)] * 10, monkeypatch) == {8: 2, 2: 2}


def test_few_images_wait_when_every_size_is_different(
    detector: SavedDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert batches(detector, [(20 + number, 20) for number in range(50)], monkeypatch) == {1: 50}


def test_only_the_announced_detections_are_returned(detector: SavedDetector) -> None:
    image = np.zeros((1, 30, 40, 3), np.uint8)
    image[0, 10:20, 8:16] = (220, 20, 40)
    (found,) = detector.detect(image)
    assert found.boxes == pytest.approx(np.array([[10 / 30, 8 / 40, 20 / 30, 16 / 40]]))
    assert found.classes.tolist() == [1]
    assert found.scores == pytest.approx([0.9])


def test_scores_that_are_no_numbers_are_refused(tmp_path: Path, save_detector: Callable[..., Path]) -> None:
    model = save_detector(tmp_path, ["stop"], score=float("nan")) / "saved_model"
    image = np.zeros((1, 30, 40, 3), np.uint8)
    image[0, 10:20, 8:16] = (220, 20, 40)
    with pytest.raises(BadInput, match="not finite numbers") as caught:
        SavedDetector(model).detect(image)
    assert caught.value.where == str(model)


def test_masks_come_with_their_detections(tmp_path: Path, save_detector: Callable[..., Path]) -> None:
    model = save_detector(tmp_path, ["stop", "yield"], masks=1.0) / "saved_model"
    (found,) = SavedDetector(model).detect(np.zeros((1, 30, 40, 3), np.uint8))
    assert found.masks is not None and found.masks.shape == (2, 20, 20)
