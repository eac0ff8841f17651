"""When batch norm's statistics move by themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from google.protobuf import text_format

from components.trainer.batch_norm import settling_steps, trains_batch_norm
from components.trainer.options import TrainOptions
from detection.config import protos

if TYPE_CHECKING:
    from conftest import Training


@pytest.mark.parametrize(
    ("decays", "steps"),
    [
        ((), 1),
        ((0.9,), 29),
        ((0.9, 0.997), 998),
        ((0.9997,), 9985),
        ((0.0,), 1),
        ((1.0, 0.9), 29),  # statistics that never move can't settle, and CFG052 warns of them
    ],
)
def test_averages_settle_with_their_decay(decays: tuple[float, ...], steps: int) -> None:
    norms = [f"conv_hyperparams {{ batch_norm {{ decay: {decay} }} }}" for decay in decays]
    extractor = f"feature_extractor {{ {norms[0]} }}" if norms else ""
    predictor = f"box_predictor {{ convolutional_box_predictor {{ {norms[1]} }} }}" if norms[1:] else ""
    model = text_format.Parse(f"ssd {{ {extractor} {predictor} }}", protos.DetectionModel())
    assert settling_steps(model) == steps


@pytest.mark.parametrize(
    ("options", "replicas", "trains"),
    [
        (TrainOptions(batch_size=16, steps=100), 1, True),
        (TrainOptions(batch_size=15, steps=100), 1, False),
        (TrainOptions(batch_size=16, steps=100), 2, False),
        (TrainOptions(batch_size=32, steps=100), 2, True),
        (TrainOptions(batch_size=32, steps=100, accumulate=2), 1, False),
        (TrainOptions(batch_size=32, steps=100, halve_batch=True), 1, False),
        (TrainOptions(batch_size=32, steps=28), 1, False),
        (TrainOptions(batch_size=2, steps=2, train_batch_norm=True), 1, True),
        (TrainOptions(batch_size=64, steps=9999, train_batch_norm=False), 1, False),
    ],
)
def test_a_large_batch_and_enough_steps(
    training: Training, tmp_path: Path, options: TrainOptions, replicas: int, trains: bool
) -> None:
    assert trains_batch_norm(training.job(tmp_path, options), replicas) == trains


def test_the_detector_is_told(training: Training, tmp_path: Path) -> None:
    from components.trainer.devices import select_devices
    from components.trainer.setup import build_trainer

    job = training.job(tmp_path, TrainOptions(batch_size=16, steps=100))
    assert not build_trainer(job, select_devices(job.options)).detector.freeze_batch_norm
    job = replace(job, steps=20)
    assert build_trainer(job, select_devices(job.options)).detector.freeze_batch_norm
