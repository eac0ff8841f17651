from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture
def told(detectors, detector_yaml, monkeypatch, tmp_path):
    """Looks for silence at a time; returns what would have been sent. `told.works`: whether that succeeds."""
    from dags import silence

    monkeypatch.setenv("UPCYCLE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("UPCYCLE_DETECTORS", str(detectors))
    alerts = "alerts: {to: ['json://127.0.0.1/x'], silent_days: 3}\n"
    (detectors / "signs.yaml").write_text(detector_yaml("signs") + alerts)
    (detectors / "quiet.yaml").write_text(detector_yaml("quiet"))

    class Told:
        works = True

        def __call__(self, **later: float) -> list:
            sent = []

            def tell(spec, path, message):
                sent.append(message)
                return [] if self.works else ["it did not take it"]

            monkeypatch.setattr(silence, "tell", tell)
            silence.tell_of_silence(NOW + timedelta(**later))
            return sent

    return Told()


def good_run(home: Path, run_id: str, when: datetime) -> None:
    summary = home / "signs" / "plans" / run_id / "summary.json"
    summary.parent.mkdir(parents=True)
    summary.write_text(json.dumps({"run_id": run_id}))
    os.utime(summary, (when.timestamp(), when.timestamp()))


def test_a_silence_is_told_once_and_the_next_one_again(told, tmp_path):
    good_run(tmp_path / "home", "first", NOW)
    assert told(days=2, hours=23) == []
    (message,) = told(days=3)
    assert message.title == "[signs] silent for 3 days"
    assert "the last one, first, ended 2026-11-26 12:00 UTC" in message.body
    assert "/dags/retrain_signs" in message.body
    assert told(days=3, hours=1) == [] and told(days=30) == []
    good_run(tmp_path / "home", "second", NOW + timedelta(days=31))
    assert told(days=32) == []
    (message,) = told(days=40)
    assert message.title == "[signs] silent for 9 days"


def test_a_detector_that_never_ran_counts_from_when_it_was_first_seen(told, tmp_path):
    failed = tmp_path / "home" / "signs" / "plans" / "failed" / "plan.json"
    failed.parent.mkdir(parents=True)
    failed.write_text("{}")
    assert told() == []
    (message,) = told(days=3)
    assert "none ever has; the detector is known since 2026-11-26" in message.body
    assert told(days=4) == []


def test_what_was_not_delivered_is_told_at_the_next_look(told, tmp_path):
    good_run(tmp_path / "home", "first", NOW)
    told.works = False
    assert len(told(days=3)) == 1 and len(told(days=3, hours=1)) == 1
    told.works = True
    assert len(told(days=3, hours=2)) == 1 and told(days=3, hours=3) == []


def test_the_watch_is_a_dag_only_where_a_detector_asks(told, load_dags, detectors, detector_yaml):
    dag = load_dags().dags["watch_detectors"]
    assert dag.is_paused_upon_creation is False and dag.timetable.expression == "0 * * * *"
    assert dag.get_task("silence").execute({}) == []
    (detectors / "signs.yaml").write_text(detector_yaml("signs"))
    assert "watch_detectors" not in load_dags().dags
