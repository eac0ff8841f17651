from __future__ import annotations

import os
import time

from dags.sent_once import FOLDER, is_first


def test_only_the_first_who_asks_may_send(tmp_path, monkeypatch):
    monkeypatch.setenv("UPCYCLE_HOME", str(tmp_path))
    assert is_first("failure", "retrain_signs", "run", "Trainer", "1")
    assert not is_first("failure", "retrain_signs", "run", "Trainer", "1")
    assert is_first("failure", "retrain_signs", "run", "Trainer", "2"), (
        "the task was cleared, and failed again"
    )
    assert is_first("failure", "retrain_signs", "runTrainer", "", "1"), "no two parts run together"


def test_what_is_old_is_forgotten(tmp_path, monkeypatch):
    monkeypatch.setenv("UPCYCLE_HOME", str(tmp_path))
    assert is_first("a") and is_first("b")
    [first, second] = sorted((tmp_path / FOLDER).iterdir())
    long_ago = time.time() - 40 * 24 * 3600
    os.utime(first, (long_ago, long_ago))
    assert is_first("c")
    assert not first.exists() and second.exists()
