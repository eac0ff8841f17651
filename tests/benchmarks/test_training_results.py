"""The results page says what the runs came to; each run is a detector's YAML that the project takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.training.data_sets import DATA, DATA_SETS, write_detector
from benchmarks.training.fine_tuning import Run
from benchmarks.training.results_page import write_page
from pipelines.spec import DetectorSpec


def run(seed: int, score: float) -> Run:
    return Run(
        data_set="blood_cells",
        seed=seed,
        steps=40,
        mAP_50=score,
        mAP=score / 2,
        by_class={"rbc": score, "wbc": None},
        seconds=120.0,
        images_per_second=8.0,
        train_images=21,
        eval_images=2,
        history=[{"step": 20, "loss": 3.0}, {"step": 40, "loss": 1.0, "eval_mAP_50": score}],
    )


def test_the_page_has_mean_and_range_and_its_picture(tmp_path: Path) -> None:
    write_page({"blood_cells": [run(1, 0.4), run(2, 0.6)]}, tmp_path)
    text = (tmp_path / "results.md").read_text()
    assert "| 21 / 2 | 2 | **0.500** | 0.400 to 0.600 | 0.250 | 2.0 min |" in text
    assert "| blood_cells | rbc | 0.500 |" in text and "| blood_cells | wbc | none to find |" in text
    first = (tmp_path / "images" / "results.svg").read_bytes()
    assert first.startswith(b"<?xml") and len(first) < 200_000
    write_page({"blood_cells": [run(1, 0.4), run(2, 0.6)]}, tmp_path)
    assert (tmp_path / "images" / "results.svg").read_bytes() == first


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize("name", DATA_SETS)
def test_the_yaml_is_a_detector(name: str, tmp_path: Path) -> None:
    spec = DetectorSpec.from_file(write_detector(name, 60, 2, tmp_path))
    assert spec.train.steps == 60 and spec.train.seed == 2 and spec.train.eval_every_steps == 10
