from pathlib import Path

import pytest
from PIL import Image

from components.example_gen.images import sample_images, sample_of_records
from components.example_gen.records import ImageRecord
from components.example_gen.sources import FileSource, RecordSource
from detection.errors import BadInput


def make_images(folder: Path, count: int) -> None:
    for index in range(count):
        Image.new("RGB", (8, 6), (index, 0, 0)).save(folder / f"{index}.png")


def test_the_sample_is_spread(tmp_path: Path) -> None:
    make_images(tmp_path, 10)
    (tmp_path / "labels.csv").touch()
    assert [path.name for path in sample_images(tmp_path, 4)] == ["0.png", "2.png", "4.png", "6.png"]
    assert sample_images(tmp_path / "labels.csv", 4) == sample_images(tmp_path, 4)


def test_the_sample_skips_what_does_not_decode(tmp_path: Path) -> None:
    make_images(tmp_path, 4)
    (tmp_path / "0.png").write_bytes(b"broken")
    assert [path.name for path in sample_images(tmp_path, 2)] == ["1.png", "2.png"]
    for file in tmp_path.glob("*.png"):
        file.write_bytes(b"broken")
    with pytest.raises(BadInput, match="no image"):
        sample_images(tmp_path, 2)


def test_postscript_is_not_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *_, **__: pytest.fail("it was run"))
    make_images(tmp_path, 2)
    Image.new("RGB", (8, 6)).save(tmp_path / "0.jpg", "EPS")
    assert [path.name for path in sample_images(tmp_path, 3)] == ["0.png", "1.png"]


def test_images_inside_a_tfrecord_become_files(tmp_path: Path) -> None:
    make_images(tmp_path, 2)
    data = [(tmp_path / f"{index}.png").read_bytes() for index in range(2)]
    (tmp_path / "x.record").write_bytes(b"".join(data))
    sources = [
        RecordSource(str(tmp_path / "x.record"), 0, len(data[0])),
        FileSource(str(tmp_path / "1.png")),
    ]
    records = [ImageRecord("", str(index), source, None) for index, source in enumerate(sources)]
    proof = sample_of_records([*records, ImageRecord("", "gone", None, None)], 4, tmp_path / "proof")
    assert {path.read_bytes() for path in proof} == set(data)
    assert {path.parent for path in proof} == {tmp_path, tmp_path / "proof"}
    assert sample_of_records(records, 4, tmp_path / "proof") == proof


def test_a_name_that_is_not_unicode_becomes_one(tmp_path: Path) -> None:
    make_images(tmp_path, 1)
    odd = (tmp_path / "0.png").rename(tmp_path / "caf\udce9.png")
    records = [ImageRecord("", "x", FileSource(str(odd)), None)]
    (proof,) = sample_of_records(records, 1, tmp_path / "proof")
    assert str(proof).encode() and proof.read_bytes() == odd.read_bytes()
