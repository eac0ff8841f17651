"""A destination in an object store: its layout, and what several publishers and killed ones leave."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from components.object_store.store import ObjectStore, open_store
from components.pusher import bucket, ledger
from components.pusher.publish import publish, rollback
from components.pusher.versions import (
    list_versions,
    live_version,
    read_history,
    version_at,
    version_folder,
)
from detection.errors import BadInput, Failed
from tests.object_store import objects

MakeModel = Callable[[str], Path]


def live_number(place: str) -> int | None:
    version = live_version(place)
    return version.number if version else None


def claim(place: str, model: Path, manifest: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """What a publisher leaves that is killed before its last file."""

    def killed(self: ObjectStore, name: str, file: Path) -> None:
        if name.endswith("saved_model.pb"):
            raise KeyboardInterrupt
        upload(self, name, file)

    store = type(open_store(place))
    upload = store.upload
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(store, "upload", killed)
        publish(model, place, manifest)


def test_layout(address: str, make_model: MakeModel, manifest: dict[str, Any]) -> None:
    version = publish(make_model("a"), address, manifest, warmup=b"requests")
    assert (version.number, version.address) == (1, f"{address}/versions/1")
    assert version.destination == address and version == live_version(address) == version_at(version.address)
    assert sorted(objects(address)) == [
        "history.jsonl",
        "live.config",
        "versions/1/assets.extra/tf_serving_warmup_requests",
        "versions/1/label_map.pbtxt",
        "versions/1/manifest.json",
        "versions/1/pipeline.config",
        "versions/1/saved_model.pb",
        "versions/1/variables/variables.data-00000-of-00001",
        "versions/1/variables/variables.index",
    ]
    assert objects(address)["versions/1/saved_model.pb"] == b"graph of a"


def test_the_manifest_comes_last_and_the_pointer_after_it(
    place: str, make_model: MakeModel, manifest: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    store = type(open_store(place))
    for method in ("write", "upload"):
        real = getattr(store, method)

        def noting(self: ObjectStore, name: str, *rest: Any, real: Any = real) -> Any:
            order.append(name)
            return real(self, name, *rest)

        monkeypatch.setattr(store, method, noting)
    publish(make_model("a"), place, manifest)
    assert order[0] == "history.jsonl" and "versions/1/saved_model.pb" in order[1:-3]
    assert order[-3:] == ["versions/1/manifest.json", "history.jsonl", "live.config"]


def test_a_model_that_fails_its_test_takes_no_number(
    place: str, make_model: MakeModel, manifest: dict[str, Any]
) -> None:
    def refuse(copy: Path) -> None:
        assert (copy / "assets.extra" / "tf_serving_warmup_requests").read_bytes() == b"requests"
        raise Failed("the copy does not detect", str(copy), "publish again")

    with pytest.raises(Failed, match="does not detect"):
        publish(make_model("a"), place, manifest, warmup=b"requests", verify=refuse)
    assert objects(place) == {} and live_version(place) is None


def test_the_next_attempt_goes_on_where_a_killed_one_was(
    place: str, make_model: MakeModel, manifest: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model("a")
    claim(place, model, manifest, monkeypatch)
    assert list_versions(place) == [] and live_version(place) is None and read_history(place) == []
    assert publish(make_model("b"), place, manifest).number == 2
    assert publish(model, place, manifest).number == 1
    assert [version.number for version in list_versions(place)] == [1, 2]
    assert [entry.version for entry in read_history(place)] == [2, 1]


def test_an_upload_that_nobody_ends_is_removed_after_a_day(
    place: str, make_model: MakeModel, manifest: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model("a")
    claim(place, model, manifest, monkeypatch)
    foreign = open_store(place)
    assert foreign.write("versions/77/theirs", b"no claim, so not ours", None)
    publish(make_model("b"), place, manifest)
    assert any(name.startswith("versions/1/") for name in objects(place))  # it may still be at work
    monkeypatch.setattr(bucket, "ABANDONED_AFTER", timedelta(0))
    assert publish(make_model("c"), place, manifest).number == 79
    assert not any(name.startswith("versions/1/") for name in objects(place))
    removed = [entry for entry in read_history(place) if entry.action == "removed"]
    assert [(entry.version, entry.why) for entry in removed] == [(1, "its publisher was killed")]
    assert objects(place)["versions/77/theirs"] == b"no claim, so not ours"
    assert publish(model, place, manifest).number == 80  # a number is never given twice


def test_what_a_killed_removal_left_is_removed(
    place: str, make_model: MakeModel, manifest: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        publish(make_model(name), place, manifest)

    def killed(self: ObjectStore, names: list[str]) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(type(open_store(place)), "delete", killed)
        publish(make_model("d"), place, manifest, keep_versions=2)
    assert [version.number for version in list_versions(place)] == [2, 3, 4]
    with pytest.raises(BadInput, match="choose one of: 2, 3, 4"):
        rollback(place, 1)
    publish(make_model("e"), place, manifest)
    assert {name.split("/")[1] for name in objects(place) if name.startswith("versions/")} == {*"2345"}


def test_other_bytes_than_were_uploaded_are_no_version(
    place: str, make_model: MakeModel, manifest: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model("a")
    claim(place, model, manifest, monkeypatch)
    store = open_store(place)
    store.delete(["versions/1/label_map.pbtxt"])
    assert store.write("versions/1/label_map.pbtxt", b"something else", None)
    with pytest.raises(Failed, match="has other bytes") as error:
        publish(model, place, manifest)
    assert error.value.where == f"{place}/versions/1/label_map.pbtxt" and live_version(place) is None
    assert publish(model, place, manifest).number == 1  # the next attempt puts it right


def test_rollback_refuses_a_version_that_was_changed(
    place: str, make_model: MakeModel, manifest: dict[str, Any]
) -> None:
    publish(make_model("a"), place, manifest)
    publish(make_model("b"), place, manifest)
    store = open_store(place)
    store.delete(["versions/1/saved_model.pb"])
    with pytest.raises(Failed, match="not the ones that were published"):
        rollback(place, 1)
    with (
        pytest.raises(Failed, match="not the ones that were published"),
        version_folder(f"{place}/versions/1"),
    ):
        pass
    assert live_number(place) == 2


def test_a_version_as_a_folder(place: str, make_model: MakeModel, manifest: dict[str, Any]) -> None:
    publish(make_model("a"), place, manifest)
    with version_folder(f"{place}/versions/1") as folder:
        assert folder.name == "1" and (folder / "saved_model.pb").read_bytes() == b"graph of a"
        assert (folder / "variables" / "variables.index").is_file()
    assert not folder.exists()
    with pytest.raises(BadInput, match="no such version"), version_folder(f"{place}/versions/2"):
        pass


def test_a_foreign_pointer_is_left_alone(place: str, make_model: MakeModel, manifest: dict[str, Any]) -> None:
    assert open_store(place).write("live.config", b"model_config_list {}", None)
    for use in (lambda: publish(make_model("a"), place, manifest), lambda: live_version(place)):
        with pytest.raises(BadInput, match="something else stands"):
            use()
    assert objects(place) == {"live.config": b"model_config_list {}"}


def test_a_publisher_that_is_overtaken_ends_with_the_version_of_the_faster_one(
    place: str, make_model: MakeModel, manifest: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model("a")
    faster: list[Any] = []

    def verify(copy: Path) -> None:
        if not faster:
            faster.append(None)
            faster[0] = publish(model, place, manifest | {"run_id": "faster"})

    version = publish(model, place, manifest | {"run_id": "slower"}, verify=verify)
    assert version == faster[0] and version.manifest.run_id == "faster"
    assert [entry.run_id for entry in read_history(place)] == ["faster"]


def test_a_version_that_is_removed_while_it_is_published_again(
    place: str, make_model: MakeModel, manifest: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model("a")
    publish(model, place, manifest)
    for name in "bc":
        publish(make_model(name), place, manifest)
    first = list_versions(place)[0]

    def versions(self: bucket.Bucket) -> list[Any]:
        found = real(self)
        with monkeypatch.context() as undone:
            undone.setattr(bucket.Bucket, "versions", real)
            publish(make_model("d"), place, manifest, keep_versions=2)
        return found

    real = bucket.Bucket.versions
    monkeypatch.setattr(bucket.Bucket, "versions", versions)
    with pytest.raises(Failed, match="version 1 was removed meanwhile"):
        publish(model, place, manifest)
    assert live_number(place) == 4
    assert f"versions/{first.number}/manifest.json" not in objects(place)


@pytest.mark.parametrize("name", ["history.jsonl", "live.config"])
def test_a_store_that_refuses_every_write_is_given_up(
    place: str, make_model: MakeModel, manifest: dict[str, Any], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    publish(make_model("a"), place, manifest)
    store = type(open_store(place))
    write = store.write
    monkeypatch.setattr(store, "write", lambda self, at, *rest: at != name and write(self, at, *rest))
    monkeypatch.setattr(ledger, "_TRIES", 3)
    with pytest.raises(Failed, match="3 times in a row") as error:
        publish(make_model("b"), place, manifest)
    assert "conditional writes" in error.value.fix and live_number(place) == 1


def test_many_writers_of_the_history_lose_no_line(
    place: str, make_model: MakeModel, manifest: dict[str, Any]
) -> None:
    for name in "ab":
        publish(make_model(name), place, manifest)
    problems: list[Exception] = []

    def back_and_forth() -> None:
        try:
            for number in (1, 2, 1, 2):
                rollback(place, number)
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=back_and_forth) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    changes = read_history(place)
    assert all(
        one.version == two.was and two.version != two.was
        for one, two in zip(changes, changes[1:], strict=False)
    )
    assert len(changes) > 5 and live_number(place) == changes[-1].version
