from __future__ import annotations

from pathlib import Path

import pytest

from components.checkpoint_converter.locate import locate
from components.checkpoint_converter.spellings import refuse_other_contents
from detection.errors import BadInput


@pytest.mark.parametrize(
    ("name", "what", "fix"),
    [
        ("ssd_mobilenet_v1_coco_2018_01_28.tar.gz", "archive", "unpack it"),
        ("pipeline.config", "describes a model", "give it as the config"),
        ("label_map.pbtxt", "label map or a graph as text", "model.ckpt"),
        ("detect.tflite", "TensorFlow Lite", "what it was made from"),
        ("model.keras", "Keras model", "frozen_inference_graph.pb"),
        ("model.onnx", "no TensorFlow model", "SavedModel"),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path, name, what, fix):
    (tmp_path / name).write_bytes(b"something")
    with pytest.raises(BadInput, match=what) as error:
        locate(tmp_path / name)
    assert error.value.where == str(tmp_path / name)
    assert fix in error.value.fix


@pytest.mark.parametrize("address", ["https://example.com/model.ckpt", "gs://bucket/model.ckpt"])
def test_a_web_address(address):
    with pytest.raises(BadInput, match="web address") as error:
        locate(Path(address))
    assert "download it" in error.value.fix


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"", "the file is empty"),
        (b"\x1f\x8b\x08\x00", "the file is compressed"),
        (b"PK\x03\x04\x14", "the file is compressed"),
        (b"\xfd7zXZ\x00\x00", "the file is compressed"),
        (b"\n\n<!DOCTYPE html><html>", "the file is a web page"),
        (b"\x89HDF\r\n\x1a\n", "the file is a Keras model"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
    ],
)
def test_what_a_file_begins_with(start, what, tmp_path):
    (tmp_path / "frozen_inference_graph.pb").write_bytes(start)
    with pytest.raises(BadInput, match=what):
        refuse_other_contents(tmp_path / "frozen_inference_graph.pb")


def test_values_may_begin_with_anything(tmp_path):
    for start in (b"", b"\x1f\x8b\x08\x00"):
        (tmp_path / "values").write_bytes(start)
        refuse_other_contents(tmp_path / "values", any_bytes=True)
    (tmp_path / "values").write_bytes(b"\n\x08\n\x06weight")
    refuse_other_contents(tmp_path / "values")
