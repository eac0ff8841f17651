"""The demo in a shortened form: every promise of its summary, then the same run again from the cache."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ml_metadata import MetadataStore

from pipelines.metadata import connection_config

NODES = ["ExampleGen", "ConfigValidator", "CheckpointConverter", "Trainer", "Evaluator", "Pusher"]

pytestmark = pytest.mark.timeout(1500)


def test_summary_has_every_fact(demo: Any) -> None:
    summary = demo.summary
    proof = summary["conversion"]["proof"]
    assert proof["passed"] and 0 <= proof["max_difference_raw"] <= 1e-4
    backbone = next(block for block in summary["conversion"]["blocks"] if block["block"] == "backbone")
    assert backbone["loaded"] == backbone["wanted"] > 100
    for model in ("baseline", "candidate"):
        assert 0 <= summary[model]["metrics"]["mAP_50"] <= 1
        assert summary[model]["metrics"]["images"] > 0
    verdict = summary["verdict"]
    assert verdict["blessed"] is True and all(rule["passed"] for rule in verdict["rules"])
    assert summary["published"]["version"] == 1
    assert Path(summary["published"]["path"]).is_dir()
    assert Path(summary["report"]).is_file()
    assert [node["node"] for node in summary["nodes"]] == NODES
    assert not any(node["cached"] for node in summary["nodes"])


def test_output_shows_progress_and_summary(demo: Any) -> None:
    for node in NODES:
        assert node in demo.output
    assert "step " in demo.output
    assert "Traceback" not in demo.output
    assert "mAP@0.5" in demo.output


def test_second_run_comes_from_the_cache(demo: Any) -> None:
    published = demo.home / "demo" / "serving" / "versions"
    before = sorted(path.name for path in published.iterdir())
    started = time.monotonic()
    again = demo.run_dag("--steps", "16")
    seconds = time.monotonic() - started
    assert again.returncode == 0, again.stdout
    assert all(node["cached"] for node in demo.summary["nodes"]), again.stdout
    assert "cache" in again.stdout
    assert demo.summary["published"]["version"] == 1
    assert sorted(path.name for path in published.iterdir()) == before
    assert seconds < 90


def test_served_model_takes_any_batch_size(demo: Any) -> None:
    import tensorflow as tf

    live = next((demo.home / "demo" / "serving" / "live").iterdir())
    detect = tf.saved_model.load(str(live)).signatures["serving_default"]
    for batch in (1, 3):
        images = np.zeros((batch, 240, 320, 3), np.uint8)
        outputs = detect(input_tensor=tf.constant(images))
        assert {
            "detection_boxes", "detection_scores", "detection_classes", "num_detections",
            "raw_detection_boxes", "raw_detection_scores",
        } <= set(outputs)  # fmt: skip
        assert outputs["detection_boxes"].shape[0] == batch


def test_lineage_reaches_data_config_checkpoint_code_and_run(demo: Any) -> None:
    asked = demo.run("upcycle", "lineage", "demo/1", "--json")
    assert asked.returncode == 0, asked.stdout
    answer = json.loads(asked.stdout[asked.stdout.index("{") :])
    text = json.dumps(answer)
    for fact in ("pipeline_config", "checkpoint", "data", "code_version", "metrics", "run_id"):
        assert fact in text
    assert "frozen_inference_graph.pb" in text


def test_rollback_to_an_unknown_version_is_bad_input(demo: Any) -> None:
    asked = demo.run("upcycle", "rollback", "demo", "--to", "99")
    assert asked.returncode == 78, asked.stdout
    assert "fix:" in asked.stdout and "Traceback" not in asked.stdout


def test_missing_dataset_is_bad_input_and_leaves_nothing(demo: Any, tmp_path: Path) -> None:
    detectors = Path(demo.environment["UPCYCLE_DETECTORS"])
    text = (detectors / "demo.yaml").read_text(encoding="utf-8")
    broken = detectors / "nodata.yaml"
    broken.write_text(text.replace("name: demo", "name: nodata").replace("data/train", "none/train"))
    try:
        ran = demo.run(sys.executable, "-m", "pipelines.cli", "run", str(broken))
    finally:
        broken.unlink()
    assert ran.returncode == 78, ran.stdout
    assert "where:" in ran.stdout and "fix:" in ran.stdout and "Traceback" not in ran.stdout
    assert not (demo.home / "nodata" / "serving").exists()


@pytest.fixture
def results_as_before(demo: Any) -> Iterator[None]:
    """What a detector's folder says of its latest run is afterwards what it was."""
    files = [file for file in (demo.home / "demo").iterdir() if file.suffix in (".json", ".html")]
    kept = {file: file.read_bytes() for file in files}
    yield
    for file, content in kept.items():
        file.write_bytes(content)


@pytest.mark.usefixtures("results_as_before")
def test_evaluate_only_measures_the_very_model_that_serves(demo: Any) -> None:
    """With the real Evaluator: the same pictures and models, so the same numbers; nothing is published."""
    first, serving = demo.summary, demo.home / "demo" / "serving"
    served = {path: path.lstat().st_mtime_ns for path in serving.rglob("*")}
    detector = f"{demo.environment['UPCYCLE_DETECTORS']}/demo.yaml"
    ran = demo.run("upcycle", "run", detector, "--only", "evaluate", timeout=1200)
    assert ran.returncode == 0, ran.stdout
    summary = demo.summary
    assert summary["run_id"] != first["run_id"] and summary["only"] == "evaluate"
    assert summary["evaluated"]["title"] == "version 1"
    cached = {node["node"]: node["cached"] for node in summary["nodes"]}
    assert list(cached) == ["ExampleGen", "ConfigValidator", "CheckpointConverter", "Evaluator"]
    assert cached["ExampleGen"] and not cached["Evaluator"]
    for model in ("candidate", "baseline"):
        found, before = summary[model]["metrics"], first[model]["metrics"]
        assert found["images"] == before["images"] > 0
        assert found["by_class"] == before["by_class"] and found["mAP"] == before["mAP"]
    assert summary["verdict"]["blessed"] is True and summary["training"] is None
    assert summary["published"] is None and summary["live_version"] == 1
    assert {path: path.lstat().st_mtime_ns for path in serving.rglob("*")} == served
    assert "mAP@0.5" in ran.stdout and Path(summary["report"]).is_file()

    trained = _result(first, "Trainer")["outputs"]["model"]
    store = MetadataStore(connection_config(demo.home / "demo" / "metadata.sqlite"))
    [made] = store.get_artifacts_by_uri(trained)
    events = store.get_events_by_execution_ids([_result(summary, "Evaluator")["execution_id"]])
    measured = [event.artifact_id for event in events if event.path.steps[0].key == "model"]
    assert measured == [made.id] and summary["evaluated"]["uri"] == trained


def _result(summary: dict[str, Any], node: str) -> dict[str, Any]:
    file = Path(summary["run_dir"]) / "nodes" / f"{node}.json"
    return json.loads(file.read_text(encoding="utf-8"))
