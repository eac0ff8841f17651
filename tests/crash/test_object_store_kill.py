"""Kill -9 publishers to object stores at every step and at random moments: no reader sees a part."""

from __future__ import annotations

import json
import multiprocessing
import random
import signal
import time
from contextlib import AbstractContextManager
from hashlib import sha256
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from components.object_store.store import open_store
from components.pusher.publish import publish, rollback
from components.pusher.versions import list_versions, live_version, read_history
from tests.crash.object_publisher import MANIFEST, run
from tests.crash.polling import polling
from tests.crash.test_publish_kill import expected, make_model
from tests.object_store import QUICK, Server, google, new_address, s3

__all__ = ["google", "s3"]

# Processes are forked from one that has the libraries: a start takes no time, so kills hit the publication
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.crash.object_publisher", "boto3", "google.cloud.storage"])
SECONDS = 300


@pytest.fixture(params=QUICK)
def each_step(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


def start(server: Server, model: Path, destination: str, step: int = 0, keep: int = 0) -> ForkServerProcess:
    """Start a publisher and return once it is about to publish."""
    here, there = PROCESSES.Pipe()
    process = PROCESSES.Process(
        target=run, args=(server.environment, model, destination, step, keep, there), daemon=True
    )
    process.start()
    assert here.poll(SECONDS) and here.recv() == "ready"
    here.close()
    return process


def finish(process: ForkServerProcess) -> int:
    process.join(SECONDS)
    assert process.exitcode is not None
    return process.exitcode


def retry(model: Path, destination: str, keep: int | None = None) -> None:
    """What the next attempt does; nothing kills it."""
    manifest = MANIFEST | {"run_id": "retry"}
    publish(model, destination, manifest, warmup=b"requests", keep_versions=keep)


def look(destination: str, allowed: list[dict[str, str]]) -> int | None:
    """What a server would load that follows the pointer; fails unless it is one whole version of a model."""
    store = open_store(destination)
    pointer = store.read("live.config")
    if pointer is None:
        return None
    [config] = text_format.Parse(pointer.data, ModelServerConfig()).model_config_list.config
    [number] = config.model_version_policy.specific.versions
    assert (config.name, config.base_path) == ("signs", f"{destination}/versions")
    below = f"versions/{number}/"
    files = {name.removeprefix(below): b"".join(store.chunks(name)) for name in store.names(below)}
    assert json.loads(files.pop("manifest.json"))["version"] == number
    assert files.pop("assets.extra/tf_serving_warmup_requests") == b"requests"
    assert {name: sha256(data).hexdigest() for name, data in files.items()} in allowed
    return int(number)


def polling_reader(destination: str, models: list[Path]) -> AbstractContextManager[list[int | None]]:
    """Poll the destination from another thread; see `polling`."""
    allowed = [expected(model) for model in models]
    # the servers have other requests to answer too
    return polling(lambda: look(destination, allowed), pause=0.02)


def check_published(destination: str, models: list[Path], removed: int = 0) -> None:
    """Each model is exactly one version, with the numbers in their order, and nothing half done is left."""
    store = open_store(destination)
    found = []
    for version in list_versions(destination):
        below = f"versions/{version.number}/"
        names = {name.removeprefix(below) for name in store.names(below)}
        beside = {"manifest.json", "assets.extra/tf_serving_warmup_requests"}
        digests = {name: sha256(b"".join(store.chunks(below + name))).hexdigest() for name in names - beside}
        assert names >= beside
        found.append(sorted(digests.items()))
    assert sorted(found) == sorted(sorted(expected(model).items()) for model in models)
    numbers = {int(name.split("/")[1]) for name in store.names("versions/")}
    assert numbers == set(range(removed + 1, removed + len(models) + 1))


def check_history(destination: str) -> None:
    """Each change starts where the one before it ended, and the last one is live."""
    changes = [entry for entry in read_history(destination) if entry.action != "removed"]
    live = None
    for entry in changes:
        assert entry.was == live and entry.version != live
        live = entry.version
    version = live_version(destination)
    assert version is not None and version.number == live


def test_killed_before_each_change_then_retried(
    each_step: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = make_model(tmp_path / "old", 1), make_model(tmp_path / "new", 2)
    step, status = 0, -signal.SIGKILL
    while status != 0:
        step += 1
        destination = new_address(each_step, monkeypatch)
        retry(old, destination)
        with polling_reader(destination, [old, new]) as seen:
            status = finish(start(each_step, new, destination, step))
            assert status in (0, -signal.SIGKILL)
            assert look(destination, [expected(old), expected(new)]) in (1, 2)
            retry(new, destination)
        check_published(destination, [old, new])
        check_history(destination)
        assert look(destination, [expected(new)]) == 2
        assert None not in seen
        assert seen == sorted(one or 0 for one in seen)  # never back to the old one
    assert step == 10  # claim, five files, manifest, history, pointer, and one that nothing killed


def test_the_first_publication_killed_and_another_model_published(
    each_step: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = make_model(tmp_path / "first", 1), make_model(tmp_path / "second", 2)
    for step in (2, 5, 7, 8, 9):
        destination = new_address(each_step, monkeypatch)
        assert finish(start(each_step, first, destination, step)) == -signal.SIGKILL
        assert look(destination, [expected(first)]) is None
        retry(second, destination)
        assert look(destination, [expected(second)]) == 2  # 1 is the other's, whatever became of it
        retry(first, destination)
        assert look(destination, [expected(first)]) == 1
        check_published(destination, [first, second])
        check_history(destination)


def test_killed_while_old_versions_are_removed(
    each_step: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [make_model(tmp_path / f"model-{seed}", seed) for seed in range(3)]
    step, status = 9, -signal.SIGKILL  # the steps before are the other test's
    while status != 0:
        step += 1
        destination = new_address(each_step, monkeypatch)
        for model in models[:2]:
            retry(model, destination)
        with polling_reader(destination, models) as seen:
            status = finish(start(each_step, models[2], destination, step, keep=1))
            retry(models[2], destination, keep=1)
        check_published(destination, models[1:], removed=1)
        check_history(destination)
        assert set(seen) <= {2, 3}
        assert {e.version for e in read_history(destination) if e.action == "removed"} == {1}
    assert step == 17  # history, six objects, and one that nothing killed


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("kind", "kills"),
    [
        ("google", 12),
        ("s3", 4),
        pytest.param("google", 200, marks=pytest.mark.slow),
        pytest.param("s3", 200, marks=pytest.mark.slow),
    ],
)
def test_killed_at_random_moments_then_retried(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, kills: int
) -> None:
    server: Server = request.getfixturevalue(kind)
    chance = random.Random(5)
    killed, saw = 0, set()
    for begin in range(0, kills, 20):  # a publication looks at every version: not too many in one place
        part = min(20, kills - begin)
        models = [
            make_model(tmp_path / f"{begin}" / f"model-{seed}", begin + seed, 0.5) for seed in range(part + 1)
        ]
        destination = new_address(server, monkeypatch)
        with polling_reader(destination, models) as seen:
            first = start(server, models[0], destination)
            started = time.monotonic()
            assert finish(first) == 0
            whole = time.monotonic() - started
            for number, model in enumerate(models[1:], start=2):
                process = start(server, model, destination)
                time.sleep(chance.uniform(0, whole))
                process.kill()
                killed += finish(process) == -signal.SIGKILL
                before = [expected(models[number - 2]), expected(model)]
                assert look(destination, before) in (number - 1, number)
                retry(model, destination)
                assert look(destination, [expected(model)]) == number
        check_published(destination, models)
        check_history(destination)
        saw |= {(begin, number) for number in seen}
    assert killed > kills // 3
    assert len(saw) > 5  # the reader was there all along


@pytest.mark.parametrize(
    ("kind", "kill"),
    [("google", False), ("google", True), ("s3", True), pytest.param("s3", False, marks=pytest.mark.slow)],
)
def test_publishers_at_once(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, kill: bool
) -> None:
    server: Server = request.getfixturevalue(kind)
    models = [make_model(tmp_path / f"model-{seed}", seed, megabytes=0.5) for seed in range(3)]
    destination = new_address(server, monkeypatch)
    chance = random.Random(11)
    with polling_reader(destination, models):
        processes = [start(server, model, destination) for model in models for _ in range(2)]
        if kill:
            for process in chance.sample(processes, 3):
                process.kill()
        statuses = [finish(process) for process in processes]
        assert set(statuses) <= ({0, -signal.SIGKILL} if kill else {0})
        for model in models:
            retry(model, destination)
    check_published(destination, models)
    check_history(destination)
    rollback(destination, 1)
    check_history(destination)
