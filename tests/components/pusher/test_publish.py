"""Publishing, its layout, and rollback."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.object_store.store import is_address, open_store
from components.pusher.publish import publish, rollback
from components.pusher.versions import (
    Version,
    list_versions,
    live_number,
    live_version,
    read_history,
)
from detection.errors import BadInput, Failed


def served(destination: str | Path) -> Version:
    version = live_version(destination)
    assert version is not None
    return version


def tree(directory: Path) -> dict[str, bytes]:
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_layout_is_what_tensorflow_serving_needs(
    tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    destination = tmp_path / "serving"
    version = publish(make_model("a"), destination, manifest)
    assert version.number == 1
    assert os.listdir(destination / "live") == ["1"]
    assert sorted(tree(destination / "live" / "1")) == [
        "label_map.pbtxt",
        "manifest.json",
        "pipeline.config",
        "saved_model.pb",
        "variables/variables.data-00000-of-00001",
        "variables/variables.index",
    ]
    assert (destination / "live" / "1" / "saved_model.pb").read_bytes() == b"graph of a"
    assert sorted(os.listdir(destination)) == [
        ".live-1",
        ".lock",
        "history.jsonl",
        "live",
        "versions",
    ]


def test_the_destination_can_be_moved_or_mounted_elsewhere(
    tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    publish(make_model("a"), tmp_path / "serving", manifest)
    (tmp_path / "serving").rename(tmp_path / "mounted")
    assert (tmp_path / "mounted" / "live" / "1" / "saved_model.pb").is_file()


def test_others_may_read_a_version(
    tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    old = os.umask(0o022)
    try:
        version = publish(make_model("a"), tmp_path / "serving", manifest)
    finally:
        os.umask(old)
    assert version.path.stat().st_mode & 0o777 == 0o755
    assert (version.path / "saved_model.pb").stat().st_mode & 0o777 == 0o644


def test_manifest_says_what_was_published(
    destination: str, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    version = publish(make_model("a"), destination, manifest)
    read = served(destination).manifest
    assert read == version.manifest
    assert (read.detector, read.version, read.run_id, read.baseline) == ("signs", 1, "run-1", "")
    assert read.facts == {"data": {"train": "a" * 64}}
    assert read.created.endswith("+00:00")


def test_equal_bytes_are_one_version_and_the_newest_publish_is_live(
    destination: str, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    a, b = make_model("a"), make_model("b")
    first = publish(a, destination, manifest)
    assert publish(b, destination, manifest).number == 2
    again = publish(a, destination, manifest | {"run_id": "run-9"})
    assert again == first
    assert [version.number for version in list_versions(destination)] == [1, 2]
    assert served(destination).number == 1


def test_rollback_is_one_step_and_reversible(
    tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    destination = tmp_path / "serving"
    for name in "abc":
        publish(make_model(name), destination, manifest)
    before = tree(destination / "versions")
    assert rollback(destination, 1).number == 1
    assert os.listdir(destination / "live") == ["1"]
    assert rollback(destination, 3).manifest.version == 3
    assert served(destination).number == 3
    assert tree(destination / "versions") == before


def test_rollback_names_the_versions_there_are(
    destination: str, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    with pytest.raises(BadInput, match="publish a model first"):
        rollback(destination, 1)
    publish(make_model("a"), destination, manifest)
    publish(make_model("b"), destination, manifest)
    with pytest.raises(BadInput, match="choose one of: 1, 2"):
        rollback(destination, 7)


def test_rollback_refuses_a_version_that_was_changed(
    tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    destination = tmp_path / "serving"
    publish(make_model("a"), destination, manifest)
    publish(make_model("b"), destination, manifest)
    (destination / "versions" / "1" / "saved_model.pb").write_bytes(b"edited")
    with pytest.raises(Failed, match="not the ones that were published"):
        rollback(destination, 1)
    assert served(destination).number == 2


def test_nothing_published_yet(destination: str) -> None:
    assert live_version(destination) is None
    assert list_versions(destination) == []


def test_leftovers_of_a_killed_publisher_are_removed(
    tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    destination = tmp_path / "serving"
    (destination / ".staging-dead" / "variables").mkdir(parents=True)
    (destination / ".live-1").mkdir()
    (destination / ".live.next").symlink_to(".live-1")
    publish(make_model("a"), destination, manifest)
    assert sorted(os.listdir(destination)) == [
        ".live-1",
        ".lock",
        "history.jsonl",
        "live",
        "versions",
    ]
    assert os.listdir(destination / "live") == ["1"]


@pytest.mark.parametrize("missing", ["saved_model/saved_model.pb", "label_map.pbtxt", "pipeline.config"])
def test_an_incomplete_model_is_refused(
    tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any], missing: str
) -> None:
    model = make_model("a")
    (model / missing).unlink()
    with pytest.raises(BadInput, match=missing):
        publish(model, tmp_path / "serving", manifest)
    assert live_version(tmp_path / "serving") is None


@pytest.mark.parametrize(
    "write",
    [
        lambda model: (model / "saved_model.pb").write_bytes(b"graph of b"),
        lambda model: (model / "variables" / "more").write_bytes(b""),
        lambda model: (model / "saved_model.pb").rename(model / "fingerprint.pb"),
        lambda model: os.replace(
            shutil.copy2(model / "saved_model.pb", model / "new"), model / "saved_model.pb"
        ),
    ],
)
def test_a_model_that_changes_while_it_is_copied_is_not_published(
    tmp_path: Path,
    make_model: Callable[[str], Path],
    manifest: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[Path], object],
) -> None:
    from components.pusher import publish as module

    real = module.copy_file
    model = make_model("a")

    def copy_and_write(source: Path, target: Path) -> None:
        real(source, target)
        if source.name == "variables.index":
            write(model / "saved_model")

    monkeypatch.setattr(module, "copy_file", copy_and_write)
    with pytest.raises(Failed, match="changed while they were copied"):
        publish(model, tmp_path / "serving", manifest)
    assert list_versions(tmp_path / "serving") == []
    assert not list((tmp_path / "serving").glob(".staging*"))


def test_equal_bytes_are_copied_once_and_leave_nothing(
    destination: str, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    model = make_model("a")
    first = publish(model, destination, manifest)

    def refuse(copy: Path) -> None:
        pytest.fail("a version that is there is not verified again")

    assert publish(model, destination, manifest, verify=refuse) == first
    if not is_address(destination):
        assert not list(Path(destination).glob(".staging*"))


def test_a_full_disk_fails_with_advice_and_leaves_serving_alone(
    tmp_path: Path,
    make_model: Callable[[str], Path],
    manifest: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from components.pusher import publish as module

    destination = tmp_path / "serving"
    publish(make_model("a"), destination, manifest)

    def no_space(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(module, "copy_file", no_space)
    with pytest.raises(Failed, match="No space left on device"):
        publish(make_model("b"), destination, manifest)
    assert served(destination).number == 1


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("s3:/bucket/serving", "two slashes"),
        ("https://bucket/serving", "no address of an object store"),
        ("s3://", "no bucket"),
        ("gs://bucket/a/../b", "`..`"),
        ("s3://bucket//a", "empty part"),
    ],
)
def test_addresses_that_cannot_be_used_are_refused(
    make_model: Callable[[str], Path], manifest: dict[str, Any], address: str, problem: str
) -> None:
    with pytest.raises(BadInput, match=problem) as error:
        publish(make_model("a"), address, manifest)
    assert error.value.where == address


def test_a_copy_that_fails_its_test_is_never_seen(
    tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    destination = tmp_path / "serving"
    publish(make_model("a"), destination, manifest)
    seen: list[list[str]] = []

    def refuse(copy: Path) -> None:
        seen.append(sorted(tree(copy)))
        raise Failed("the copy does not detect", str(copy), "publish again")

    with pytest.raises(Failed, match="does not detect"):
        publish(make_model("b"), destination, manifest, warmup=b"requests", verify=refuse)
    assert "saved_model.pb" in seen[0] and "assets.extra/tf_serving_warmup_requests" in seen[0]
    assert served(destination).number == 1 and len(list_versions(destination)) == 1
    assert not list(destination.glob(".staging*"))
    assert publish(make_model("c"), destination, manifest).number == 2


def test_requests_to_warm_up_are_no_part_of_the_content(
    tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    destination = tmp_path / "serving"
    first = publish(make_model("a"), destination, manifest, warmup=b"one")
    assert (first.path / "assets.extra" / "tf_serving_warmup_requests").read_bytes() == b"one"
    publish(make_model("b"), destination, manifest, warmup=b"two")
    assert rollback(destination, 1).number == 1


@pytest.mark.parametrize("damage", ["no manifest", "gone"])
def test_rollback_helps_out_of_a_live_version_that_is_damaged(
    destination: str, make_model: Callable[[str], Path], manifest: dict[str, Any], damage: str
) -> None:
    for name in "abc":
        publish(make_model(name), destination, manifest)
    lose(f"{destination}/versions/3/", "manifest.json" if damage == "no manifest" else "")
    with pytest.raises(Failed, match="no readable manifest"):
        live_version(destination)
    assert live_number(destination) == 3
    assert rollback(destination, 2).number == 2
    assert served(destination).number == 2
    assert [(entry.version, entry.was) for entry in read_history(destination)][-1] == (2, 3)


def lose(folder: str, name: str) -> None:
    """Delete what lies below a folder and begins with a name."""
    if is_address(folder):
        store = open_store(folder.rstrip("/"))
        store.delete([one for one in store.names("") if one.startswith(name)])
        return
    for path in [*Path(folder).rglob("*")]:
        if path.is_file() and path.relative_to(folder).as_posix().startswith(name):
            path.unlink()
