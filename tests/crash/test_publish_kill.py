"""Kill -9 publishers at every step and at random moments; no reader ever sees a partial version."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from components.pusher.publish import publish
from components.pusher.versions import read_history
from tests.crash.polling import polling

ROOT = Path(__file__).parents[2]
WORKER = Path(__file__).with_name("publisher.py")


def make_model(directory: Path, seed: int, megabytes: float = 0.01) -> Path:
    """Write a model directory with bytes that depend on `seed` only."""
    (directory / "saved_model" / "variables").mkdir(parents=True)
    content = random.Random(seed).randbytes(int(megabytes * 2**20))
    (directory / "saved_model" / "saved_model.pb").write_bytes(content[:4096])
    (directory / "saved_model" / "variables" / "variables.data-00000-of-00001").write_bytes(content)
    (directory / "label_map.pbtxt").write_text("item { id: 1 name: 'stop' }\n")
    (directory / "pipeline.config").write_text(f"# {seed}\n")
    return directory


def start(model: Path, destination: Path, step: int = 0, keep: int = 0) -> subprocess.Popen[bytes]:
    """Start a publisher and return once it is about to publish."""
    process = subprocess.Popen(
        [sys.executable, str(WORKER), str(model), str(destination), str(step), str(keep)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def finish(process: subprocess.Popen[bytes]) -> int:
    process.communicate(timeout=60)
    return process.returncode


def retry(model: Path, destination: Path, keep: int | None = None) -> None:
    """What the next attempt does; nothing kills it."""
    manifest = {"detector": "signs", "run_id": "retry", "fingerprint": "f", "baseline": "", "facts": {}}
    publish(model, destination, manifest, warmup=b"requests", keep_versions=keep)


def expected(model: Path) -> dict[str, str]:
    """The published files of a model: name -> SHA-256."""
    saved = model / "saved_model"
    files = {p.relative_to(saved).as_posix(): p for p in saved.rglob("*") if p.is_file()}
    files |= {name: model / name for name in ("label_map.pbtxt", "pipeline.config")}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


def digests(version: Path) -> dict[str, str]:
    files = {p.relative_to(version).as_posix(): p for p in version.rglob("*") if p.is_file()}
    json.loads(files.pop("manifest.json").read_text())
    assert files.pop("assets.extra/tf_serving_warmup_requests").read_bytes() == b"requests"
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


def look(destination: Path, allowed: list[dict[str, str]]) -> int | None:
    """What a server would load now; fails unless it is one whole version of an allowed model."""
    try:
        live = os.path.realpath(destination / "live", strict=True)
    except FileNotFoundError:
        return None
    (name,) = os.listdir(live)
    assert digests(Path(live) / name) in allowed
    return int(name)


def polling_reader(destination: Path, models: list[Path]) -> AbstractContextManager[list[int | None]]:
    """Poll the destination from another thread; see `polling`."""
    allowed = [expected(model) for model in models]
    return polling(lambda: look(destination, allowed), pause=0.001)


def check_published(destination: Path, models: list[Path]) -> None:
    """Each model is exactly one version, and nothing half done is left."""
    versions = destination / "versions"
    found = [sorted(digests(version).items()) for version in versions.iterdir()]
    assert sorted(found) == sorted(sorted(expected(model).items()) for model in models)
    assert [
        p.name for p in destination.iterdir() if p.name.startswith((".staging", ".removed", ".live.next"))
    ] == []


def test_killed_before_each_step_then_retried(tmp_path: Path) -> None:
    old, new = make_model(tmp_path / "old", 1), make_model(tmp_path / "new", 2)
    retry(old, tmp_path / "before")
    step = 0
    while True:
        step += 1
        destination = tmp_path / f"serving-{step}"
        shutil.copytree(tmp_path / "before", destination, symlinks=True)
        with polling_reader(destination, [old, new]) as seen:
            status = finish(start(new, destination, step))
            after_kill = look(destination, [expected(old), expected(new)])
            assert after_kill in (1, 2)
            retry(new, destination)
        check_published(destination, [old, new])
        assert look(destination, [expected(new)]) == 2
        assert None not in seen
        assert seen == sorted(one or 0 for one in seen)  # never back to the old one
        if status == 0:
            break
        assert status == -signal.SIGKILL
    assert step > 15  # make, stage, copy, flush, rename, link, switch


def test_the_first_publication_killed_before_each_step(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model", 3)
    step, status = 0, -signal.SIGKILL
    while status != 0:
        step += 1
        destination = tmp_path / f"serving-{step}"
        status = finish(start(model, destination, step))
        assert look(destination, [expected(model)]) in (None, 1)
        retry(model, destination)
        check_published(destination, [model])
        assert look(destination, [expected(model)]) == 1
    assert step > 15


def test_killed_while_old_versions_are_removed(tmp_path: Path) -> None:
    models = [make_model(tmp_path / f"model-{seed}", seed) for seed in range(4)]
    for model in models[:3]:
        retry(model, tmp_path / "before")
    step, status = 0, -signal.SIGKILL
    while status != 0:
        step += 1
        destination = tmp_path / f"serving-{step}"
        shutil.copytree(tmp_path / "before", destination, symlinks=True)
        with polling_reader(destination, models) as seen:
            status = finish(start(models[3], destination, step, keep=1))
            retry(models[3], destination, keep=1)
        check_published(destination, models[2:])
        assert look(destination, [expected(models[3])]) == 4
        assert set(seen) <= {3, 4}
        entries = read_history(destination)
        assert [e.version for e in entries if e.action == "published"] == [1, 2, 3, 4]
        assert {e.version for e in entries if e.action == "removed"} == {1, 2}
    assert step > 25


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kills", [16, pytest.param(200, marks=pytest.mark.slow)])
def test_killed_at_random_moments_then_retried(tmp_path: Path, kills: int) -> None:
    models = [make_model(tmp_path / f"model-{seed}", seed, megabytes=3) for seed in range(kills + 1)]
    destination = tmp_path / "serving"
    process = start(models[0], destination)
    started = time.monotonic()
    assert finish(process) == 0
    whole = time.monotonic() - started
    chance = random.Random(5)
    killed = 0
    with polling_reader(destination, models) as seen:
        for number, model in enumerate(models[1:], start=2):
            process = start(model, destination)
            time.sleep(chance.uniform(0, whole))
            process.kill()
            killed += finish(process) == -signal.SIGKILL
            assert look(destination, [expected(models[number - 2]), expected(model)]) in (number - 1, number)
            retry(model, destination)
            assert look(destination, [expected(model)]) == number
    check_published(destination, models)
    assert killed > kills // 3
    assert len(set(seen)) > 5  # the reader was there all along


@pytest.mark.parametrize("kill", [False, True])
def test_concurrent_publishers(tmp_path: Path, kill: bool) -> None:
    models = [make_model(tmp_path / f"model-{seed}", seed, megabytes=1) for seed in range(3)]
    destination = tmp_path / "serving"
    chance = random.Random(11)
    with polling_reader(destination, models):
        for _ in range(3):
            processes = [start(model, destination) for model in models for _ in range(2)]
            if kill:
                for process in chance.sample(processes, 3):
                    process.kill()
            statuses = [finish(process) for process in processes]
            assert set(statuses) <= ({0, -signal.SIGKILL} if kill else {0})
        for model in models:
            retry(model, destination)
    check_published(destination, models)
    assert sorted(p.name for p in (destination / "versions").iterdir()) == ["1", "2", "3"]
