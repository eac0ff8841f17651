"""Old versions are removed, but never the live one nor the one before it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from components.pusher.history import HISTORY_FILE
from components.pusher.publish import publish, rollback
from components.pusher.versions import list_versions, read_history


def numbers(destination: str) -> list[int]:
    return [version.number for version in list_versions(destination)]


def test_the_newest_stay(
    destination: str, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    for name in "abcd":
        publish(make_model(name), destination, manifest, keep_versions=3)
    assert numbers(destination) == [2, 3, 4]
    removed = read_history(destination)[-1]
    assert (removed.action, removed.version, removed.why) == ("removed", 1, "keep_versions is 3")


def test_a_folder_keeps_no_links_to_what_is_removed(
    tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    for name in "abcd":
        publish(make_model(name), tmp_path / "serving", manifest, keep_versions=3)
    links = sorted(name for name in os.listdir(tmp_path / "serving") if name.startswith(".live"))
    assert links == [".live-2", ".live-3", ".live-4"]


def test_the_live_one_and_the_one_before_it_always_stay(
    destination: str, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    for name in "abcd":
        publish(make_model(name), destination, manifest)
    rollback(destination, 1)
    publish(make_model("e"), destination, manifest, keep_versions=1)
    assert numbers(destination) == [1, 5]
    assert rollback(destination, 1).number == 1


def test_a_number_is_never_given_twice(
    destination: str, tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    for name in "abc":
        publish(make_model(name), destination, manifest, keep_versions=1)
    assert publish(tmp_path / "model-a", destination, manifest, keep_versions=1).number == 4
    assert numbers(destination) == [3, 4]


def test_a_folder_of_before_there_was_a_history(
    tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    destination = tmp_path / "serving"
    for name in "abc":
        publish(make_model(name), destination, manifest)
    (destination / HISTORY_FILE).unlink()
    publish(tmp_path / "model-c", destination, manifest, keep_versions=1)
    assert numbers(str(destination)) == [2, 3]
