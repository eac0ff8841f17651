"""The whole evaluation of a run: verdicts, metrics.json, and the baselines it can have."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from components.evaluator.compare import RunDirectories, compare
from components.evaluator.options import EvaluateOptions, GateOptions
from components.evaluator.results import Comparison, read_comparison
from detection.errors import BadInput, Failed


def run_directories(root: Path) -> RunDirectories:
    return RunDirectories(
        eval_files=sorted((root / "examples" / "Split-eval").glob("*.gz")),
        model=root / "model",
        converted=root / "converted",
        resolved_config=root / "resolved",
        quarantine=root / "quarantine",
    )


def run(
    root: Path,
    out: Path,
    published: Path | None = None,
    tf1_label_map: Path | None = None,
    options: dict[str, Any] | None = None,
    **gate: Any,
) -> Comparison:
    out.mkdir(exist_ok=True)
    return compare(
        run_directories(root),
        GateOptions.model_validate({"floor": 0.0} | gate),
        EvaluateOptions.model_validate({"resamples": 100} | (options or {})),
        published,
        tf1_label_map,
        out,
        detector="road-signs",
        lineage={"Run": "manual-1", "Evaluated": "2025-01-02 03:04 UTC", "Examples": str(root / "examples")},
    )


def test_a_first_run_is_compared_with_the_converted_model(run_root: Path, tmp_path: Path) -> None:
    comparison = run(run_root, tmp_path / "out", floor=0.5)
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
    comparison = run(worse, tmp_path / "out", published, drop=1.0)
    assert comparison.verdict.blessed
    assert comparison.baseline.title == "version 7"
    assert comparison.baseline.metrics.mAP == pytest.approx(1.0)
    assert 0.0 < (comparison.candidate.metrics.mAP or 0.0) < 0.9
    refused = run(worse, tmp_path / "out", published, metric="mAP")
    assert not refused.verdict.blessed
    (reason,) = [one for one in refused.verdict.reasons if one.startswith("refused")]
    assert "allowed at least 1.000 (baseline 1.000 - 0.000); the 95% interval of the difference" in reason
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Refused" in page and reason.removeprefix("refused: ") in page


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


def test_slices_costs_and_old_classes_are_measured_and_asked(
    run_root: Path, tmp_path: Path, save_detector: Callable[..., Path]
) -> None:
    names = ["stop", "yield", "priority_road"]
    root = tmp_path / "run"
    shutil.copytree(run_root, root)
    shutil.rmtree(root / "converted" / "saved_model")
    save_detector(root / "converted", ["person", "stop"], shift=0.01)
    tf1 = root / "converted" / "label_map.pbtxt"
    published = tmp_path / "7"
    shutil.copytree(save_detector(tmp_path / "good", names) / "saved_model", published)
    shutil.copy(tmp_path / "good" / "label_map.pbtxt", published)
    old = [str(one) for one in sorted((root / "examples" / "Split-eval").glob("*.gz"))]
    comparison = run(
        root,
        tmp_path / "out",
        published,
        tf1,
        options={
            "slices": [{"by": "size", "edges": [350]}, {"by": "name", "pattern": "street_00[01]"}],
            "old_eval": old,
            "min_slice_images": 5,
        },
        class_floors={"stop": 0.5},
        class_drop=0.0,
        slice_drop=0.0,
        old_classes_drop=0.0,
        latency_ms=10_000,
        size_mb=0.000001,
    )
    assert comparison.tf1 is not None and comparison.tf1.title == "converted TF1 model"
    assert [(one.name, one.images, one.too_small) for one in comparison.slices] == [
        ("size from 350 px", 24, False),
        ("name street_000", 1, True),
        ("name street_001", 1, True),
    ]
    here, there = comparison.old_classes
    assert (here.where, here.classes, here.images) == ("evaluation set", ["stop"], 24)
    assert (there.where, there.classes, there.images) == ("old evaluation set", ["stop"], 24)
    assert here.against_baseline == there.against_baseline and here.against_tf1 == there.against_tf1
    assert here.against_tf1.candidate == pytest.approx(1.0)
    assert comparison.cost is not None and comparison.cost.latency_ms > 0
    assert comparison.cost.image_size == (400, 300)
    asked = [rule.rule for rule in comparison.verdict.rules]
    assert asked.count("class_drop") == 3 and asked.count("slice_drop") == 1
    assert asked.count("old_classes_drop") >= 2
    refused = [rule.rule for rule in comparison.verdict.rules if not rule.passed]
    assert refused == ["size_mb"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "too small" in page and "Old classes" in page


def test_an_old_evaluation_set_without_old_classes_is_bad_input(run_root: Path, tmp_path: Path) -> None:
    label_map = tmp_path / "tf1.pbtxt"
    label_map.write_text("item { id: 1 name: 'person' }")
    with pytest.raises(BadInput, match="none of the TF1 model's classes"):
        run(run_root, tmp_path / "out", None, label_map, options={"old_eval": "old.record"})


def test_a_floor_of_an_unknown_class_is_bad_input(run_root: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="floor for person"):
        run(run_root, tmp_path / "out", class_floors={"person": 0.5})


def test_an_empty_evaluation_set_is_bad_input(run_root: Path, tmp_path: Path) -> None:
    root = tmp_path / "run"
    shutil.copytree(run_root, root)
    for file in (root / "examples" / "Split-eval").glob("*.gz"):
        file.unlink()
        tf.io.TFRecordWriter(str(file), "GZIP").close()
    statistics = json.loads((root / "quarantine" / "statistics.json").read_text())
    statistics["splits"]["eval"]["images_written"] = 0
    (root / "quarantine" / "statistics.json").write_text(json.dumps(statistics))
    with pytest.raises(BadInput, match="there are no evaluation examples"):
        run(root, tmp_path / "out")


def test_where_all_objects_are_crowds_nothing_is_measured_and_the_floor_refuses(
    run_root: Path, tmp_path: Path
) -> None:
    root = tmp_path / "run"
    shutil.copytree(run_root, root)
    for file in (root / "examples" / "Split-eval").glob("*.gz"):
        records = [record.numpy() for record in tf.data.TFRecordDataset(str(file), "GZIP")]
        with tf.io.TFRecordWriter(str(file), "GZIP") as writer:
            for record in records:
                example = tf.train.Example.FromString(record)
                objects = len(example.features.feature["image/object/class/text"].bytes_list.value)
                example.features.feature["image/object/is_crowd"].int64_list.value[:] = [1] * objects
                writer.write(example.SerializeToString())
    slices = {"slices": [{"by": "size", "edges": [350]}], "min_slice_images": 1}
    comparison = run(root, tmp_path / "out", options=slices, class_floors={"stop": 0.0}, slice_drop=0.0)
    metrics = comparison.candidate.metrics
    assert (metrics.mAP, metrics.mAP_50, metrics.recall_50, metrics.groundtruth_boxes) == (
        None,
        None,
        None,
        0,
    )
    assert all(one.mAP is None for one in metrics.by_class.values())
    refused = [rule for rule in comparison.verdict.rules if not rule.passed]
    assert [rule.rule for rule in refused] == ["floor", "class_floors"]
    assert all("can't be measured" in rule.sentence for rule in refused)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "undefined: no such object" in page and "Undefined, for want of such objects" in page
    assert not re.search(r">\s*nan|nan%", page, re.IGNORECASE)


def test_a_model_without_numbers_is_bad_input(
    run_root: Path, tmp_path: Path, save_detector: Callable[..., Path]
) -> None:
    root = tmp_path / "run"
    shutil.copytree(run_root, root)
    shutil.rmtree(root / "model" / "saved_model")
    save_detector(root / "model", ["stop", "yield", "priority_road"], score=float("nan"))
    with pytest.raises(BadInput, match="not finite numbers") as error:
        run(root, tmp_path / "out")
    assert error.value.where == str(root / "model" / "saved_model")
    assert list((tmp_path / "out").iterdir()) == []
