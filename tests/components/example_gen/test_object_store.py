"""Data sets in S3 and Google Cloud Storage, on servers that speak their protocols."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from apache_beam.internal.gcp import auth
from apache_beam.io.filesystems import FileSystems

from components.example_gen import file_systems, objects
from components.example_gen.ingest import Outputs, ingest
from components.example_gen.read import is_there, read_dataset, read_split
from components.example_gen.sources import FileSource, RecordSource
from components.object_store import gcs
from components.object_store.store import open_store
from detection.errors import BadInput, Failed
from tests.object_store import address, google, no_s3_credentials, place, s3
from tests.ports import free_port

__all__ = ["address", "google", "no_s3_credentials", "place", "s3"]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """No client of another test; and Beam's Google client is anonymous without a search of half a minute."""
    monkeypatch.setattr(FileSystems, "_pipeline_options", None)
    monkeypatch.setattr(auth._Credentials, "_credentials_init", True)
    objects._store.cache_clear()
    objects.check_bucket.cache_clear()


def upload(folder: Path, address: str) -> None:
    store = open_store(address)
    for file in folder.rglob("*"):
        if file.is_file():
            store.upload(file.relative_to(folder).as_posix(), file)


def test_what_the_readers_ask(address: str) -> None:
    store = open_store(address)
    for name in ("1/a.jpg", "1/b.xml", "2/ä x#%.jpg", "2/[x].jpg", "2/.hidden", "top"):
        assert store.write(name, name.encode() * 9, None)
    assert file_systems.files_below(address) == ["1/a.jpg", "1/b.xml", "2/[x].jpg", "2/ä x#%.jpg", "top"]
    assert file_systems.files_below(address + "/1") == ["a.jpg", "b.xml"]
    assert file_systems.files_below(address + "/none") == []
    assert file_systems.children(address) == ["1", "2", "top"]
    assert file_systems.matching(address + "/*/*.jpg") == [
        f"{address}/{name}" for name in ("1/a.jpg", "2/[x].jpg", "2/ä x#%.jpg")
    ]
    for name in ("2/[x].jpg", "2/ä x#%.jpg"):
        path = f"{address}/{name}"
        assert file_systems.is_file(path) and file_systems.size(path) == 9 * len(name.encode())
        assert file_systems.read_bytes(path) == name.encode() * 9
        with file_systems.open_binary(path) as stream:
            assert stream.read(3) == name.encode()[:3] and stream.read() == (name.encode() * 9)[3:]
        assert list(file_systems.stamps(path)) == [path]
    assert len(file_systems.stamps(address)) == 6 and len(file_systems.stamps(address + "/*/*.jpg")) == 3
    assert RecordSource(f"{address}/top", 4, 4, False).read() == b"opto"
    assert not file_systems.is_file(address + "/1") and not file_systems.is_file(address + "/none")


def test_what_is_not_there(address: str) -> None:
    for use in (file_systems.read_bytes, file_systems.size, file_systems.open_binary):
        with pytest.raises(FileNotFoundError):
            use(address + "/none")
    with pytest.raises(OSError, match="no 9 bytes at 0"):
        assert open_store(address).write("short", b"short", None)
        file_systems.read_range(address + "/short", 0, 9, False)
    assert not is_there(address + "/none")


def test_no_bucket_is_refused(address: str) -> None:
    nowhere = address.replace("bucket-", "no-bucket-")
    with pytest.raises(BadInput, match="no such bucket"):
        is_there(nowhere)
    with pytest.raises(BadInput, match="no such bucket"):
        read_dataset({"train": nowhere + "/{span}/train", "label_map": "/l"})


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_a_store_that_does_not_answer_may_later(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "STORAGE_EMULATOR_HOST"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(gcs, "PATIENCE_SECONDS", 0.1)
    path = f"{scheme}://bucket/a"
    uses: list[Callable[[], object]] = [
        lambda: file_systems.files_below(path),
        lambda: file_systems.read_bytes(path),
        lambda: file_systems.is_file(path),
        lambda: file_systems.open_binary(path),
        FileSource(path).size,
        RecordSource(path, 0, 1, False).read,
        lambda: read_split(path, "auto", ""),
    ]
    for use in uses:
        with pytest.raises(Failed, match="can't be reached"):
            use()


@pytest.mark.usefixtures("no_s3_credentials")
def test_s3_without_credentials_says_so_at_once() -> None:
    with pytest.raises(BadInput, match="Unable to locate credentials"):
        file_systems.files_below("s3://bucket/a")


def test_the_same_examples_as_from_a_folder(voc_data: Any, place: str, tmp_path: Path) -> None:
    for number in range(4):
        voc_data.add("train", f"{number}")
    voc_data.add("train", "negative", xml=None)
    voc_data.add("eval", "e")
    upload(voc_data.root, f"{place}/2026-10")
    upload(voc_data.root, f"{place}/2026-11")
    there = {
        "train": place + "/{span}/train",
        "eval": place + "/{span}/eval",
        "label_map": str(voc_data.root / "label_map.pbtxt"),
    }

    def shards(name: str, options: dict[str, Any]) -> dict[str, bytes]:
        folders = (str(tmp_path / name / part) for part in ("examples", "quarantine", "statistics", "schema"))
        statistics = ingest(options, voc_data.label_map, Outputs(*folders))
        assert (statistics.images_read, statistics.images_written) == (6, 6)
        found = (tmp_path / name / "examples").rglob("*.tfrecord")
        return {file.name + file.parent.name: file.read_bytes() for file in found}

    records = read_dataset(there)
    sources = [record.source for record in records if record.source is not None]
    assert len(sources) == 6 and all("/2026-11/" in source.path for source in sources)  # type: ignore[union-attr]
    first = shards("here", voc_data.options())
    assert len(first) == 2 and shards("there", there) == first


def test_a_coco_file_and_a_gzipped_tfrecord(address: str, jpeg: Any, tmp_path: Path) -> None:
    import tensorflow as tf

    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[jpeg(3)]))
    example = tf.train.Example(features=tf.train.Features(feature={"image/encoded": feature}))
    for options in ("", "GZIP"):
        with tf.io.TFRecordWriter(str(tmp_path / f"x{options}.record"), options=options) as writer:
            writer.write(example.SerializeToString())
    coco = {
        "images": [{"id": 1, "file_name": "1.jpg", "width": 100, "height": 80}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 10, 20]}],
    }
    (tmp_path / "coco").mkdir()
    (tmp_path / "coco" / "1.jpg").write_bytes(jpeg(1))
    (tmp_path / "coco" / "instances.json").write_text(json.dumps(coco))
    upload(tmp_path, address)
    sources = [record.source for record in read_split(address + "/*.record", "auto", "")]
    assert [source.read() for source in sources if source is not None] == [jpeg(3)] * 2
    (record,) = read_split(address + "/coco", "auto", "")
    assert record.source is not None and record.source.read() == jpeg(1) and record.boxes[0].label == "cat"
