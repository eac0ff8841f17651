from __future__ import annotations

import hashlib
import json
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import tensorflow as tf

from components.example_gen import shards
from components.example_gen.beam_pipeline import new_work_folder, write_examples
from components.example_gen.beam_steps import (
    CountShards,
    HashContent,
    NumberBatches,
    PickShard,
    WriteShard,
)
from components.example_gen.read import read_dataset
from components.example_gen.records import as_options
from detection.errors import Failed

ROOT = Path(__file__).parents[3]
TWO_PROCESSES = ["--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]

# The pipeline as a job that is handed over, as Flink and Spark take it.
JOB_SERVICE = ["--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=LOOPBACK"]


def digests(folder):
    files = [f for f in Path(folder).rglob("*") if f.is_file() and ".work-" not in f.as_posix()]
    return {f.relative_to(folder).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def run(data, out, records=None, beam_args=None, **more):
    options = as_options(data.options(**more))
    out = str(data.root / out)
    records = read_dataset(options) if records is None else records
    return write_examples(records, options, data.label_map, out, new_work_folder(out), beam_args)


def names_in(file):
    kind = "GZIP" if file.suffix == ".gz" else ""
    for raw in tf.data.TFRecordDataset(str(file), compression_type=kind).as_numpy_iterator():
        yield tf.train.Example.FromString(raw).features.feature["image/filename"].bytes_list.value[0].decode()


@pytest.fixture
def many(voc_data):
    for i in range(24):
        voc_data.add("train", f"{i:02d}")
    return voc_data


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(shards, "SMALL_SHARD_BYTES", 30_000)


@pytest.mark.parametrize("compress", [True, False])
def test_bytes_do_not_depend_on_workers_or_order(many, small_shards, compress):
    more = {"eval_fraction": 0.3, "test_fraction": 0.2, "compress": compress}
    records = read_dataset(as_options(many.options(**more)))
    shuffled = random.Random(1).sample(records, len(records))
    threads = ["--runner=FnApiRunner", "--direct_running_mode=multi_threading", "--direct_num_workers=3"]
    one = run(many, "one", records, **more)
    two = run(many, "two", shuffled, threads, **more)
    assert digests(many.root / "one") == digests(many.root / "two")
    assert list(one) == list(two)
    assert [report.statistics for report in one.reports()] == [report.statistics for report in two.reports()]

    files = sorted(f for f in (many.root / "one").rglob("*.tfrecord*"))
    counts = {
        split: len([f for f in files if f.parent.name == f"Split-{split}"])
        for split in ("train", "eval", "test")
    }
    assert counts["train"] >= 3
    suffix = ".tfrecord.gz" if compress else ".tfrecord"
    for file in files:
        assert file.name.endswith(f"-of-{counts[file.parent.name.removeprefix('Split-')]:05d}{suffix}")
    assert sorted(name for file in files for name in names_in(file)) == [f"{i:02d}.jpg" for i in range(24)]
    assert len(one.shards) == len(files)


def test_a_renamed_image_stays_in_its_shard(many, small_shards):
    run(many, "one", test_fraction=0.2)
    for suffix in (".jpg", ".xml"):
        (many.root / "train" / f"07{suffix}").rename(many.root / "train" / f"renamed{suffix}")
    run(many, "two", test_fraction=0.2)
    places = [
        {
            name: (f.parent.name, f.name)
            for f in sorted((many.root / out).rglob("*.tfrecord"))
            for name in names_in(f)
        }
        for out in ("one", "two")
    ]
    places[1]["07.jpg"] = places[1].pop("renamed.jpg")
    assert places[0] == places[1]


@pytest.mark.parametrize("beam_args", [TWO_PROCESSES, JOB_SERVICE], ids=["processes", "job service"])
def test_other_runners_write_the_same_bytes(voc_data, jpeg, beam_args):
    for i in range(14):
        voc_data.add("train", f"{i:02d}", image=jpeg(i, size=(1300, 1000)), xml=None)
    one = run(voc_data, "one")
    two = run(voc_data, "two", beam_args=beam_args)
    assert len(one.shards) >= 3  # so that there is work for two
    assert digests(voc_data.root / "one") == digests(voc_data.root / "two")
    assert list(one) == list(two)
    assert one.counters == two.counters


def test_a_shard_without_an_image_is_a_file_too(voc_data, monkeypatch):
    monkeypatch.setattr(shards, "SMALL_SHARD_BYTES", 1000)  # more shards than images
    voc_data.add("train", "a")
    voc_data.add("eval", "b")
    written = run(voc_data, "out")
    files = list((voc_data.root / "out").rglob("*.tfrecord"))
    assert len(files) == len(written.shards) > 6
    assert sum(report.statistics.images_written for report in written.reports()) == 2


def test_beam_counts_what_the_shards_count(voc_data, jpeg):
    voc_data.add("train", "a", [("cat", (1, 1, 50, 50)), ("bird", (1, 1, 50, 50))])
    voc_data.add("train", "cut", image=jpeg(9)[:700])
    voc_data.add("eval", "b")
    written = run(voc_data, "out")
    assert (written.images_read, written.boxes_read) == (3, 4)
    assert written.counters == {
        "DATA001": 1,
        "DATA010": 1,
        "boxes_read": 4,
        "boxes_written": 2,
        "images_quarantined": 1,
        "images_read": 3,
        "images_written": 2,
    }


def test_the_same_image_twice_in_a_split_is_told(voc_data, jpeg):
    for name in ("b", "a", "c"):
        voc_data.add("train", name, image=jpeg(1 if name != "c" else 2))
    voc_data.add("eval", "e", image=jpeg(1))  # not the same split: a leak, and not told here
    rows = {row["name"]: row for row in run(voc_data, "out")}
    findings = [finding for row in rows.values() for finding in row["findings"]]
    assert [(f["file"], f["code"], f["action"], f["detail"]) for f in findings] == [
        ("b.jpg", "DATA024", "kept", "the same bytes as a.jpg")
    ]
    assert all(row["written"] for row in rows.values())


def test_the_steps_are_small_and_hold_no_image(voc_data):
    options = as_options({"train": "/data", "label_map": "/l"})
    write = WriteShard(options, voc_data.label_map, "/out", "/work")
    for step in (NumberBatches(10**6), HashContent(options, "/work"), CountShards(), PickShard(), write):
        assert len(pickle.dumps(step)) < 3000


@dataclass(frozen=True)
class _Changing:
    """A file that somebody writes to: other bytes each time."""

    path: str
    bytes_of: tuple[bytes, ...]

    def read(self) -> bytes:
        seen = Path(self.path)
        seen.write_text(seen.read_text() + "x" if seen.exists() else "x")
        return self.bytes_of[min(len(seen.read_text()), len(self.bytes_of)) - 1]


def test_an_image_that_changes_meanwhile_fails(voc_data, jpeg):
    voc_data.add("train", "a")
    (record,) = read_dataset(as_options(voc_data.options()))
    record = record._replace(source=_Changing(str(voc_data.root / "seen"), (jpeg(1), jpeg(2))))
    with pytest.raises(Failed, match="an image wasn't the same when it was read again"):
        run(voc_data, "out", [record])


KILLED = """
import json, os, signal, sys
from components.example_gen import beam_steps, encode
from components.example_gen.beam_pipeline import new_work_folder, write_examples
from components.example_gen.read import read_dataset
from components.example_gen.records import as_options
from detection.config.label_map import read_label_map
from pathlib import Path

def examine(record, options, label_map, known, examined=[]):
    examined.append(record)
    if len(examined) == 12:
        os.kill(os.getpid(), signal.SIGKILL)
    return encode.examine(record, options, label_map, known)

beam_steps.examine = examine
data, out = json.loads(sys.argv[1]), sys.argv[2]
options = as_options(data)
label_map = read_label_map(Path(options.label_map))
write_examples(read_dataset(options), options, label_map, out, new_work_folder(out))
"""


def test_a_run_after_a_killed_one_leaves_no_duplicate(many):
    out = many.root / "out"
    command = [sys.executable, "-c", KILLED, json.dumps(many.options()), str(out)]
    killed = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=300)
    assert killed.returncode == -signal.SIGKILL
    assert list(out.rglob("*.partial"))  # it was in the middle of a shard
    run(many, "out")
    run(many, "clean")
    assert digests(out) == digests(many.root / "clean")
    assert len(list(out.iterdir())) == 3  # two splits, and the folder that the caller still reads


WORKERS = """
import json, sys
from pathlib import Path
from components.example_gen.beam_pipeline import new_work_folder, write_examples
from components.example_gen.read import read_dataset
from components.example_gen.records import as_options
from detection.config.label_map import read_label_map

data, out, arguments = (json.loads(argument) for argument in sys.argv[1:])
options = as_options(data)
label_map = read_label_map(Path(options.label_map))
write_examples(read_dataset(options), options, label_map, out, new_work_folder(out), arguments)
"""


@pytest.mark.slow
def test_a_killed_worker_fails_the_run_and_the_next_leaves_no_duplicate(voc_data, jpeg):
    for i in range(60):
        voc_data.add("train", f"{i:02d}", image=jpeg(i, size=(1300, 1000)))
    out = voc_data.root / "out"
    arguments = [json.dumps(value) for value in (voc_data.options(), str(out), TWO_PROCESSES)]
    process = subprocess.Popen(
        [sys.executable, "-c", WORKERS, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _kill_a_worker_in_a_shard(process.pid, out)
        _, said = process.communicate(timeout=120)
    finally:
        for child in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else ():
            child.kill()
        process.kill()
    assert process.returncode == 1 and "the Beam pipeline failed" in said
    run(voc_data, "out")
    run(voc_data, "clean")
    assert digests(out) == digests(voc_data.root / "clean")


def _kill_a_worker_in_a_shard(pid: int, out: Path) -> None:
    deadline = time.monotonic() + 240
    workers: list[psutil.Process] = []
    while time.monotonic() < deadline:
        if len(workers) < 2:  # before there is a shard: to find them takes longer than to write one
            workers = [child for child in psutil.Process(pid).children(recursive=True) if _is_worker(child)]
            time.sleep(0.01)
        elif list(out.glob("Split-*/*.partial")):
            workers[0].kill()
            return
        else:
            time.sleep(0.001)
    pytest.fail("no worker began a shard")


def _is_worker(process: psutil.Process) -> bool:
    return process.name().startswith("python") and "sdk_worker_main" in " ".join(process.cmdline())
