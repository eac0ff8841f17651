from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EDGES = {
    "plan": {"ExampleGen", "ConfigValidator"},
    "ExampleGen": {"Trainer", "Evaluator"},
    "ConfigValidator": {"CheckpointConverter"},
    "CheckpointConverter": {"Trainer", "Evaluator", "summary"},
    "Trainer": {"Evaluator"},
    "Evaluator": {"Pusher", "summary"},
    "Pusher": {"summary"},
    "summary": set(),
}


def shape(dag) -> dict[str, set[str]]:
    return {task.task_id: set(task.downstream_task_ids) for task in dag.tasks}


def test_one_dag_a_detector_file(load_dags, detectors, detector_yaml):
    (detectors / "second.yml").write_text(detector_yaml("boards-2", cron="null"))
    bag = load_dags()
    assert bag.import_errors == {}
    names = {"signs", "boards-2"}
    assert set(bag.dags) == {f"{what}_{name}" for what in ("retrain", "rollback") for name in names}
    assert not bag.dags["retrain_boards-2"].timetable.can_be_scheduled


def test_tasks_pools_and_retries(load_dags):
    dag = load_dags().dags["retrain_signs"]
    assert shape(dag) == EDGES
    assert {t.task_id for t in dag.tasks if t.pool == "gpu"} == {"Trainer", "Evaluator"}
    assert "publishes if mAP_50 >= 0.4 and AP(cat) >= 0.25 and it falls at most 0 below" in dag.doc_md
    assert {t.retries for t in dag.tasks} == {2}
    assert all(t.retry_delay == timedelta(seconds=5) for t in dag.tasks)
    assert (dag.catchup, dag.max_active_runs) == (False, 1)
    assert "0 3 * * 1" in str(dag.timetable.expression) and "Europe/Berlin" in str(dag.timetable.timezone)


def test_a_task_runs_after_what_a_run_leaves_out_but_not_after_what_failed(load_dags):
    rules = {task.task_id: task.trigger_rule for task in load_dags().dags["retrain_signs"].tasks}
    assert {name for name, rule in rules.items() if rule == "none_failed"} == {"Evaluator", "summary"}
    assert {rule for name, rule in rules.items() if name not in ("Evaluator", "summary")} == {"all_success"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (lambda yaml: "name: [", "not valid YAML"),
        (lambda yaml: yaml("broken").replace("train:", "trian:", 1), "unknown key"),
        (lambda yaml: yaml("broken", cron="'99 3 * * 1'"), "99 3 * * 1"),
        (lambda yaml: yaml("broken", executor="kubernetes", cron="'0 0 32 1 *'"), "0 0 32 1 *"),
        (lambda yaml: yaml("signs"), "is taken by signs.yaml"),
    ],
)
def test_a_broken_file_is_shown_and_touches_no_other(load_dags, detectors, detector_yaml, text, problem):
    (detectors / "zz broken.yaml").write_text(text(detector_yaml))
    bag = load_dags()
    [(file, message)] = bag.import_errors.items()
    assert file.endswith("broken_detectors.py") and problem in message and "fix:" in message
    assert str(detectors / "zz broken.yaml") in message and "Traceback" not in message
    assert set(bag.dags) == {"retrain_signs", "rollback_signs", "retrain_zz_broken"}
    assert shape(bag.dags["retrain_signs"]) == EDGES
    broken = bag.dags["retrain_zz_broken"]
    assert problem in broken.doc_md and "fix:" in broken.doc_md and str(detectors) in broken.doc_md
    assert broken.tags == {"retrain", "broken"} and "zz broken.yaml" in broken.dag_display_name
    assert problem in broken.get_task("detector_file").problem
    assert not broken.timetable.can_be_scheduled


def test_the_import_error_names_every_broken_file_and_goes_with_them(load_dags, detectors):
    for name in ("one", "two"):
        (detectors / f"{name}.yaml").write_text("no: good")
    [message] = load_dags().import_errors.values()
    assert str(detectors / "one.yaml") in message and str(detectors / "two.yaml") in message
    for name in ("one", "two"):
        (detectors / f"{name}.yaml").unlink()
    assert load_dags().import_errors == {}


def test_a_broken_file_never_takes_a_good_dags_name(load_dags, detectors, detector_yaml):
    (detectors / "a.yaml").write_text(detector_yaml("b"))
    (detectors / "b.yaml").write_text("no: good")
    bag = load_dags()
    assert set(bag.dags) - {"rollback_signs", "rollback_b"} == {
        "retrain_signs",
        "retrain_b",
        "retrain_b_broken",
    }
    assert shape(bag.dags["retrain_b"]) == EDGES


def test_all_dags_serialize_and_stay_equal(load_dags, detectors):
    from airflow.serialization.serialized_objects import DagSerialization

    (detectors / "broken.yaml").write_text("no: good")
    first, second = load_dags(), load_dags()
    for dag_id, dag in first.dags.items():
        data = DagSerialization.to_dict(dag)
        assert DagSerialization.from_dict(data).dag_id == dag_id
        # A DAG that differs at each parse would get a new version each half minute.
        assert DagSerialization.to_dict(second.dags[dag_id])["dag"] == data["dag"]


def test_the_checkouts_own_detectors_load(load_dags, monkeypatch, detectors):
    if not (ROOT / "detectors").is_dir():
        pytest.skip("no detectors/ in this checkout")
    from dags.detectors import read_detectors

    monkeypatch.setenv("UPCYCLE_DETECTORS", str(ROOT / "detectors"))
    good, broken = read_detectors()
    assert broken == [] and "demo" in [spec.name for _, spec in good]


def test_parsing_imports_no_tensorflow_and_no_unused_provider(stub_environment):
    script = (
        "import sys; import dags.retrain, dags.retrain_docker, dags.retrain_kubernetes\n"
        "heavy = {'tensorflow', 'keras', 'tfx', 'ml_metadata', 'apache_beam', 'docker', 'kubernetes'}\n"
        "print(heavy & set(sys.modules) or 'light', hasattr(dags.retrain, 'retrain_signs'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=stub_environment, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.splitlines()[-1:] == ["light True"], done.stderr
