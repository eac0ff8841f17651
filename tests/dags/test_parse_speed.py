"""The goals of benchmarks/dags/parse.py, in processor seconds: a busy machine doesn't change them much."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.dags import parse


def best(folder: Path, files: list[Path], wanted: str | None = None) -> dict[str, float]:
    """The best of three."""
    return min((parse.measure(folder, files, wanted) for _ in range(3)), key=lambda one: one["processor"])


def test_one_detector(tmp_path):
    files = parse.make_inputs(tmp_path, 1)["ours"]
    found = best(tmp_path, files)
    assert found["dags"] == 2
    assert found["processor"] < 0.3


@pytest.mark.slow
def test_two_hundred_detectors_and_the_start_of_a_task_among_them(tmp_path):
    files = parse.make_inputs(tmp_path, 200)["ours"]
    found = best(tmp_path, files)
    assert found["dags"] == 400
    assert found["processor"] < 10
    start = best(tmp_path, files[:1], wanted="retrain_d123")
    assert start["dags"] == 2
    assert start["processor"] < 0.3
