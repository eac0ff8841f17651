"""The whole evaluation of a run: verdicts, metrics.json, and the baselines it can have."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from components.evaluator.compare import RunDirectories, compare
from components.evaluator.results import Comparison, GateSpec, read_comparison
from detection.errors import BadInput, Failed


def run_directories(root: Path) -> RunDirectories:
    return RunDirectories(
        eval_files=sorted((root / "examples" / "Split-eval").glob("*.gz")),
        model=root / "model",
        converted=root / "converted",
        resolved_config=root / "resolved",
        quarantine=root / "quarantine",
    )


def run(root: Path, out: Path, published: Path | None = None, **gate: float) -> Comparison:
    out.mkdir(exist_ok=True)
    return compare(
        run_directories(root),
        GateSpec.model_validate(gate),
        published,
        None,
        out,
        detector="road-signs",
        lineage={"Run": "manual-1", "Evaluated": "2025-01-02 03:04 UTC", "Examples": str(root / "examples")},
    )


def test_a_first_run_is_compared_with_the_converted_model(run_root: Path, tmp_path: Path) -> None:
    comparison = run(run_root, tmp_path / "out", min_value=0.5)
    assert comparison.verdict.blessed
    assert comparison.candidate.metrics.mAP_50 == 1.0
    assert comparison.baseline.metrics.mAP_50 == 0.0
    assert comparison.baseline.title == "converted TF1 model"
    assert "has 1 classes where the data has 3" in comparison.baseline.notes[0]
    assert read_comparison(tmp_path / "out") == comparison
    assert comparison.facts()["mAP_50"] == 1.0


def test_a_worse_model_is_refused(run_root: Path, tmp_path: Path, save_detector: Callable[..., Path]) -> None:
    names = ["stop", "yield", "priority_road"]
    published = tmp_path / "7"
    shutil.copytree(save_detector(tmp_path / "good", names) / "saved_model", published)
    shutil.copy(tmp_path / "good" / "label_map.pbtxt", published)
    worse = tmp_path / "run"
    shutil.copytree(run_root, worse)
    shutil.rmtree(worse / "model" / "saved_model")
    save_detector(worse / "model", names, shift=0.05)
    comparison = run(worse, tmp_path / "out", published)
    assert comparison.baseline.title == "version 7"
    assert comparison.baseline.metrics.mAP == pytest.approx(1.0)
    assert 0.0 < (comparison.candidate.metrics.mAP or 0.0) < 0.9
    refused = run(worse, tmp_path / "out", published, min_improvement=0.01)
    assert not refused.verdict.blessed
    assert "below the 1.010 needed" in refused.verdict.reasons[1]
    assert "Refused" in (tmp_path / "out" / "report.html").read_text()


def test_a_missing_baseline_is_named(run_root: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not there"):
        run(run_root, tmp_path / "out", tmp_path / "versions" / "3")


def test_examples_that_went_missing_are_noticed(run_root: Path, tmp_path: Path) -> None:
    shutil.copytree(run_root, tmp_path / "run")
    next((tmp_path / "run" / "examples" / "Split-eval").glob("*.gz")).unlink()
    with pytest.raises(Failed, match="12 evaluation examples were read, but ExampleGen wrote 24"):
        run(tmp_path / "run", tmp_path / "out")
    assert not (tmp_path / "out" / "metrics.json").exists()


def test_a_missing_record_is_named(run_root: Path, tmp_path: Path) -> None:
    broken = tmp_path / "run"
    shutil.copytree(run_root, broken)
    (broken / "quarantine" / "statistics.json").unlink()
    with pytest.raises(Failed, match="statistics.json"):
        run(broken, tmp_path / "out")
    (broken / "quarantine" / "statistics.json").write_text("{}")
    with pytest.raises(Failed, match="DataStatistics"):
        run(broken, tmp_path / "out")
