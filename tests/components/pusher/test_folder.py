"""A destination in a folder: what stands in its way, links, other folders, and what a disk refuses."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.pusher.publish import publish, rollback
from components.pusher.versions import list_versions, live_number, live_version
from detection.errors import BadInput, Failed, UpcycleError


def tree(directory: Path) -> dict[str, bytes]:
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


@pytest.mark.parametrize("place", ["file", "file/serving"])
def test_a_destination_that_is_a_file_is_refused(
    tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any], place: str
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="something else stands in the way"):
        publish(make_model("a"), tmp_path / place, manifest)


@pytest.mark.parametrize(
    "name", [".lock", ".live-2", ".staging-x", ".removed-x", "history.jsonl", "versions"]
)
def test_what_stands_in_the_way_in_a_destination_is_named(
    tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any], name: str
) -> None:
    destination = tmp_path / "serving"
    publish(make_model("a"), destination, manifest)
    place = destination / name
    if place.exists():
        place.rename(tmp_path / "moved")
    if name in (".lock", "history.jsonl"):
        place.mkdir()
    else:
        place.write_text("theirs")
    with pytest.raises(BadInput, match="something else stands in the way") as error:
        publish(make_model("b"), destination, manifest)
    assert error.value.where.startswith(str(place))
    assert live_number(destination) == 1


def test_a_foreign_live_directory_is_left_alone(
    tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    (tmp_path / "serving" / "live" / "1").mkdir(parents=True)
    with pytest.raises(BadInput, match="something else stands"):
        publish(make_model("a"), tmp_path / "serving", manifest)
    with pytest.raises(BadInput, match="something else stands"):
        live_version(tmp_path / "serving")
    assert list_versions(tmp_path / "serving") == []


@pytest.mark.parametrize("leads", ["to a folder", "to a file", "nowhere"])
@pytest.mark.parametrize(
    "link",
    ["versions", "versions/7", "history.jsonl", ".lock", ".live-1", ".live-2", ".staging-x", ".removed-x"],
)
def test_links_that_lead_out_of_the_destination_are_refused(
    tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any], link: str, leads: str
) -> None:
    destination, outside = tmp_path / "serving", tmp_path / "outside"
    publish(make_model("a"), destination, manifest)
    outside.mkdir()
    target = outside / {"to a folder": ".", "to a file": "file", "nowhere": "absent"}[leads]
    if leads == "to a file":
        target.write_text("theirs")
    place = destination / link
    if place.exists():
        place.rename(tmp_path / "moved")
    place.symlink_to(target)
    with pytest.raises(BadInput, match="symbolic link") as error:
        publish(make_model("b"), destination, manifest)
    assert error.value.where == str(place)
    if link != "versions":  # then there is no version 1 to go back to, unless the link leads to it
        with pytest.raises(BadInput, match="symbolic link"):
            rollback(destination, 1)
    assert tree(outside) == ({"file": b"theirs"} if leads == "to a file" else {})


def test_rollback_through_a_link_is_refused(
    tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    destination = tmp_path / "serving"
    publish(make_model("a"), destination, manifest)
    publish(make_model("b"), destination, manifest)
    (destination / "versions").rename(tmp_path / "elsewhere")
    (destination / "versions").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match="symbolic link"):
        rollback(destination, 1)
    assert live_number(destination) == 2


def test_the_destination_itself_may_be_a_link(
    tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "serving").symlink_to(tmp_path / "disk")
    publish(make_model("a"), tmp_path / "serving", manifest)
    assert os.listdir(tmp_path / "disk" / "live") == ["1"]


@pytest.mark.parametrize("name", ["0007", "0", "-3", "٣", "²", "tmp", "1.bak"])
def test_folders_that_publishing_never_makes_are_no_versions(
    tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any], name: str
) -> None:
    destination = tmp_path / "serving"
    publish(make_model("a"), destination, manifest)
    (destination / "versions" / name).mkdir()
    assert publish(make_model("b"), destination, manifest, keep_versions=1).number == 2
    assert [version.number for version in list_versions(destination)] == [1, 2]
    assert rollback(destination, 1).number == 1
    assert (destination / "versions" / name).is_dir()


@pytest.mark.parametrize("target", [".live-", ".live-x", ".live-0", ".live-1/../..", "/etc"])
def test_a_live_link_that_publishing_did_not_make_is_left_alone(
    tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any], target: str
) -> None:
    destination = tmp_path / "serving"
    publish(make_model("a"), destination, manifest)
    (destination / "live").unlink()
    (destination / "live").symlink_to(target)
    for change in (lambda: publish(make_model("b"), destination, manifest), lambda: rollback(destination, 1)):
        with pytest.raises(BadInput, match="something else stands"):
            change()
    assert os.readlink(destination / "live") == target


def test_a_link_to_another_version_is_made_anew(
    tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    destination = tmp_path / "serving"
    publish(make_model("a"), destination, manifest)
    publish(make_model("b"), destination, manifest)
    link = destination / ".live-1" / "1"
    link.unlink()
    link.symlink_to("../versions/2")
    rollback(destination, 1)
    assert (destination / "live" / "1" / "saved_model.pb").read_bytes() == b"graph of a"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("step", ["mkdir", "rename", "replace", "symlink", "fsync", "open"])
def test_what_the_disk_refuses_is_said_and_the_next_attempt_ends_it(
    tmp_path: Path,
    make_model: Callable[[str], Path],
    manifest: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    number: int,
) -> None:
    destination = tmp_path / "serving"
    publish(make_model("a"), destination, manifest)
    model = make_model("b")

    def refuse(*arguments: Any, **options: Any) -> Any:
        raise OSError(number, os.strerror(number), str(destination / "x"))

    for change in (lambda: publish(model, destination, manifest), lambda: rollback(destination, 1)):
        with monkeypatch.context() as patched, contextlib.suppress(UpcycleError):
            patched.setattr(os, step, refuse)
            change()
        assert live_number(destination) in (1, 2)
    publish(model, destination, manifest)
    assert live_number(destination) == 2
    assert [version.number for version in list_versions(destination)] == [1, 2]


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.EROFS, BadInput), (errno.EACCES, BadInput), (errno.ENOSPC, Failed)]
)
@pytest.mark.parametrize("there", [False, True])
def test_whether_a_retry_can_help_is_in_the_error(
    tmp_path: Path,
    make_model: Callable[[str], Path],
    manifest: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    there: bool,
    number: int,
    kind: type[UpcycleError],
) -> None:
    destination = tmp_path / "serving"
    if there:
        publish(make_model("a"), destination, manifest)
    model = make_model("b")
    real = Path.mkdir, Path.open

    def refuse(which: int) -> Callable[..., Any]:
        def method(path: Path, *arguments: Any, **options: Any) -> Any:
            if path.is_relative_to(destination) and (path.name == ".lock" or not path.exists()):
                raise OSError(number, os.strerror(number), str(path))
            return real[which](path, *arguments, **options)

        return method

    monkeypatch.setattr(Path, "mkdir", refuse(0))
    monkeypatch.setattr(Path, "open", refuse(1))
    with pytest.raises(kind, match=os.strerror(number)) as error:
        publish(model, destination, manifest)
    assert error.value.where.startswith(str(destination))
    assert live_number(destination) == (1 if there else None)
