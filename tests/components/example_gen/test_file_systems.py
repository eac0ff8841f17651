from __future__ import annotations

import gzip
import multiprocessing
from pathlib import Path

import pytest

from components.example_gen import file_systems
from components.example_gen.read import read_dataset, read_split
from components.example_gen.sources import FileSource, RecordSource
from detection.errors import BadInput


def test_all_of_a_local_file(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "full").write_bytes(bytes(range(256)) * 999)
    assert file_systems.read_bytes(str(tmp_path / "empty")) == b""
    assert file_systems.read_bytes(str(tmp_path / "full")) == bytes(range(256)) * 999
    assert file_systems.read_bytes("/proc/version").startswith(b"Linux")  # it states no size
    with pytest.raises(IsADirectoryError):
        file_systems.read_bytes(str(tmp_path))
    with pytest.raises(FileNotFoundError, match="none"):
        file_systems.read_bytes(str(tmp_path / "none"))


def test_files_below_a_folder(tmp_path: Path) -> None:
    for name in ("b/2.jpg", "a.jpg", ".hidden/x", "b/._2.jpg", "__MACOSX/a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "b" / "round").symlink_to(tmp_path)
    assert file_systems.files_below(str(tmp_path)) == ["a.jpg", "b/2.jpg"]
    assert file_systems.files_below(str(tmp_path / "none")) == []
    assert file_systems.children(str(tmp_path)) == ["a.jpg", "b"]


def test_a_linked_folder_counts(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.jpg").touch()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "images").symlink_to(tmp_path / "real")
    assert file_systems.files_below(str(tmp_path / "data")) == ["images/a.jpg"]


def test_paths_climb_but_addresses_keep_their_scheme() -> None:
    assert file_systems.join("/a/b", "../c/d.jpg") == "/a/c/d.jpg"
    assert file_systems.join("gs://bucket/a/b", "../c/d.jpg") == "gs://bucket/a/c/d.jpg"


def test_only_files_of_this_machine_become_a_path() -> None:
    assert file_systems.local("/a/b") == Path("/a/b")
    with pytest.raises(BadInput, match="this machine only"):
        file_systems.local("gs://bucket/a")


@pytest.mark.parametrize("compressed", [False, True])
def test_stretches_in_any_order(tmp_path: Path, compressed: bool) -> None:
    data = bytes(range(256)) * 40
    file = tmp_path / "x.record"
    file.write_bytes(gzip.compress(data) if compressed else data)
    for offset, length in ((300, 20), (8000, 5), (10, 1)):
        source = RecordSource(str(file), offset, length, compressed)
        assert source.read() == data[offset : offset + length]
        assert source.size() == length
    with pytest.raises(OSError, match="no 100 bytes"):
        RecordSource(str(file), len(data) - 5, 100, compressed).read()


def _read(source: RecordSource, _: int) -> bytes:
    return source.read()


def test_a_forked_worker_does_not_move_its_parents_place(tmp_path: Path) -> None:
    data = bytes(range(256)) * 40
    (tmp_path / "x.record.gz").write_bytes(gzip.compress(data))
    source = RecordSource(str(tmp_path / "x.record.gz"), 300, 20, compressed=True)
    assert source.read() == data[300:320]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        results = pool.starmap(_read, [(source, number) for number in range(200)])
    assert set(results) == {data[300:320]}


def test_a_bucket_is_read_like_a_folder(bucket, voc_data) -> None:
    voc_data.add("train", "a")
    voc_data.add("train", "b", xml=None)
    for file in (voc_data.root / "train").iterdir():
        bucket.put(f"mem://b/data/train/{file.name}", file.read_bytes())
    bucket.put("mem://b/data/train/.hidden/x.jpg", b"")
    here = read_split(voc_data.root / "train", "auto", "train")
    there = read_split("mem://b/data/train", "auto", "train")
    assert [(r.name, r.boxes, r.width) for r in there] == [(r.name, r.boxes, r.width) for r in here]
    assert there[0].source == FileSource("mem://b/data/train/a.jpg")
    assert there[0].source.read() == (voc_data.root / "train" / "a.jpg").read_bytes()
    assert there[0].source.size() == (voc_data.root / "train" / "a.jpg").stat().st_size
    assert file_systems.files_below("mem://b/data") == ["train/a.jpg", "train/a.xml", "train/b.jpg"]
    assert file_systems.matching("mem://b/data/train/*.xml") == ["mem://b/data/train/a.xml"]


def test_spans_and_splits_in_a_bucket(bucket, voc_data) -> None:
    voc_data.add("train", "a")
    for span, split in (("2026-10", "train"), ("2026-11", "train"), ("2026-11", "valid")):
        for file in (voc_data.root / "train").iterdir():
            bucket.put(f"mem://b/{span}/{split}/{file.name}", file.read_bytes())
    records = read_dataset({"train": "mem://b/{span}", "label_map": "/l"})
    assert [(r.split, r.source.path) for r in records] == [
        ("train", "mem://b/2026-11/train/a.jpg"),
        ("eval", "mem://b/2026-11/valid/a.jpg"),
    ]


def test_a_tfrecord_in_a_bucket(bucket, jpeg, tmp_path) -> None:
    import tensorflow as tf

    examples = []
    for number in range(2):
        feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[jpeg(number)]))
        features = tf.train.Features(feature={"image/encoded": feature})
        examples.append(tf.train.Example(features=features).SerializeToString())
    for options in (None, "GZIP"):
        with tf.io.TFRecordWriter(str(tmp_path / "x"), options=options) as writer:
            for example in examples:
                writer.write(example)
        bucket.put(f"mem://b/{options}.record", (tmp_path / "x").read_bytes())
    records = read_split("mem://b/*.record", "auto", "")
    assert [record.source.read() for record in records] == [jpeg(0), jpeg(1)] * 2
    assert [record.source.compressed for record in records] == [True, True, False, False]


def test_a_folder_that_may_not_be_read_is_not_empty(tmp_path, monkeypatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", forbidden)
    with pytest.raises(PermissionError):
        file_systems.files_below(str(tmp_path))


def test_a_csv_in_a_bucket(bucket, jpeg) -> None:
    bucket.put("mem://b/train/1.jpg", jpeg(1))
    text = "filename,width,height,class,xmin,ymin,xmax,ymax\n1.jpg,100,80,cat,1,2,3,4\n"
    bucket.put("mem://b/train_labels.csv", text.encode())
    (record,) = read_split("mem://b/train", "auto", "")
    assert record.source == FileSource("mem://b/train/1.jpg") and record.boxes[0].label == "cat"


def test_what_is_not_there(bucket) -> None:
    with pytest.raises(OSError):
        file_systems.read_bytes("mem://b/none")
    with pytest.raises(OSError):
        file_systems.size("mem://b/none")
    assert not file_systems.is_file("mem://b/none")
    with pytest.raises(BadInput, match="isn't there"):
        read_split("mem://b/none", "auto", "")


def test_an_address_nobody_can_reach_names_the_package() -> None:
    with pytest.raises(BadInput, match="no way to reach") as caught:
        file_systems.read_bytes("nowhere://b/a")
    assert "gs:// or s3://" in caught.value.fix


def test_stamps_tell_a_change(bucket) -> None:
    bucket.put("mem://b/train/1.jpg", b"one")
    before = file_systems.stamps("mem://b/train")
    assert list(before) == ["mem://b/train/1.jpg"] == list(file_systems.stamps("mem://b/train/1.jpg"))
    bucket.put("mem://b/train/1.jpg", b"two")
    assert file_systems.stamps("mem://b/train") != before
