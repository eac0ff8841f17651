"""The history of a serving destination."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.pusher.history import HISTORY_FILE
from components.pusher.publish import publish, rollback
from components.pusher.versions import read_history
from detection.errors import Failed


def test_who_when_why_and_what(
    destination: str,
    make_model: Callable[[str], Path],
    manifest: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    manifest["facts"] = {"metrics": {"mAP_50": 0.75}}
    first = publish(make_model("a"), destination, manifest, why="mAP@0.5 is 0.750")
    publish(make_model("b"), destination, manifest | {"run_id": "run-2"})
    monkeypatch.setenv("UPCYCLE_ACTOR", "on-call")
    rollback(destination, 1, why="misses signs at night")
    published, second, back = read_history(destination)
    assert (published.action, published.version, published.was) == ("published", 1, None)
    assert (published.who, published.why) == (getpass.getuser(), "mAP@0.5 is 0.750")
    assert (published.run_id, published.content_hash) == ("run-1", first.manifest.content_hash)
    assert published.metrics == {"mAP_50": 0.75} and published.when.endswith("+00:00")
    assert (second.version, second.was, second.run_id) == (2, 1, "run-2")
    assert (back.action, back.version, back.was) == ("rolled back", 1, 2)
    assert (back.who, back.why) == ("on-call", "misses signs at night")


def test_what_changes_nothing_is_not_written(
    destination: str, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    model = make_model("a")
    publish(model, destination, manifest)
    publish(model, destination, manifest)
    rollback(destination, 1)
    assert len(read_history(destination)) == 1


def test_half_of_a_line_is_no_entry_and_the_next_one_takes_its_place(
    tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    destination = tmp_path / "serving"
    publish(make_model("a"), destination, manifest)
    with (destination / HISTORY_FILE).open("a") as stream:
        stream.write('{"when": "2026-')
    assert [entry.version for entry in read_history(destination)] == [1]
    publish(make_model("b"), destination, manifest)
    assert [entry.version for entry in read_history(destination)] == [1, 2]


def test_a_line_that_is_no_entry_is_named(tmp_path: Path) -> None:
    (tmp_path / HISTORY_FILE).write_text('{"version": 1}\n')
    with pytest.raises(Failed, match="can't be read") as error:
        read_history(tmp_path)
    assert error.value.where == str(tmp_path / HISTORY_FILE)


def test_nothing_published_has_no_history(destination: str) -> None:
    assert read_history(destination) == []
