from __future__ import annotations

from pathlib import Path

import pytest

from components.checkpoint_converter.locate import locate
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
