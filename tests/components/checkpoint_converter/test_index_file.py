"""Tables of variables read without TensorFlow, against TensorFlow's own reader."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from components.checkpoint_converter.index_file import index_shapes, v1_shapes
from components.checkpoint_converter.v1_format import v1_files
from detection.errors import BadInput

ARRAYS = {
    "FeatureExtractor/Conv/weights": np.zeros((3, 3, 3, 8), np.float32),
    "FeatureExtractor/Conv/biases": np.zeros(8, np.float32),
    "global_step": np.zeros((), np.int64),
}
SHAPES = {name: array.shape for name, array in ARRAYS.items()}


def test_equals_tensorflows_reader(tf1_folder, pedestrian) -> None:
    for folder in (
        tf1_folder("ssd_mobilenet_v1_training"),
        tf1_folder("faster_rcnn_inception_v2"),
        pedestrian,
    ):
        expected = tf.train.load_checkpoint(str(folder / "model.ckpt")).get_variable_to_shape_map()
        found = index_shapes(folder / "model.ckpt.index")
        assert {name: list(shape) for name, shape in found.items()} == expected


def test_a_checkpoint_of_tf2(tmp_path) -> None:
    prefix = tf.train.Checkpoint(a=tf.Variable(np.zeros((2, 5), np.float32))).write(str(tmp_path / "ckpt"))
    found = index_shapes(tmp_path / "ckpt.index")
    expected = tf.train.load_checkpoint(prefix).get_variable_to_shape_map()
    assert {name: list(shape) for name, shape in found.items()} == expected


def test_many_variables_fill_many_blocks(tmp_path) -> None:
    variables = {f"layer_{i}/weights": tf.Variable(np.zeros(i % 7 + 1, np.float32)) for i in range(3000)}
    tf.compat.v1.train.Saver(variables, write_version=2).save(
        None, str(tmp_path / "m"), write_meta_graph=False
    )
    assert index_shapes(tmp_path / "m.index") == {
        name: tuple(variable.shape) for name, variable in variables.items()
    }


@pytest.mark.parametrize("sharded", [False, True])
def test_v1_checkpoints(tmp_path, write_v1, sharded) -> None:
    write_v1(tmp_path / "old.ckpt", ARRAYS, sharded)
    files = v1_files(tmp_path / "old.ckpt")
    assert files and all(v1_shapes(file) == SHAPES for file in files)


def test_a_damaged_file_is_refused_in_words(tf1_folder, tmp_path) -> None:
    content = (tf1_folder("ssd_mobilenet_v1") / "model.ckpt.index").read_bytes()
    half = len(content) // 2
    damaged = (
        content[:half],
        content[half:],
        b"",
        content[:100] + bytes([255] * 60) + content[160:],
        bytes(half) + content[half:],
    )
    for number, data in enumerate(damaged):
        file = tmp_path / f"{number}.index"
        file.write_bytes(data)
        with pytest.raises(BadInput, match="table of the checkpoint's variables"):
            index_shapes(file)


def test_random_damage_never_crashes(tf1_folder, tmp_path) -> None:
    content = (tf1_folder("ssd_mobilenet_v1") / "model.ckpt.index").read_bytes()
    random = np.random.default_rng(0)
    file = tmp_path / "a.index"
    for _ in range(200):
        data = bytearray(content)
        for position in random.integers(0, len(data), 5):
            data[position] = int(random.integers(0, 256))
        file.write_bytes(bytes(data))
        with contextlib.suppress(BadInput):
            index_shapes(file)


def test_tensorflow_is_not_imported() -> None:
    modules = "sys, components.checkpoint_converter.index_file"
    code = f"import {modules}; print('tensorflow' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"
