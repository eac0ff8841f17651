"""Facts about real checkpoints of TF1 and TF2."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.checkpoint_converter.sources import read_checkpoint
from components.config_validator.checkpoint_facts import original_config, read_checkpoint_facts
from detection.errors import BadInput

DATA = Path(__file__).resolve().parents[4] / "shared/data"


def folder_of(*parts: str) -> Path:
    folder = DATA.joinpath(*parts)
    if not folder.is_dir():
        pytest.skip(f"test data absent: {folder}")
    return folder


@pytest.mark.parametrize(
    ("name", "num_classes", "averages"),
    [
        ("faster_rcnn_inception_v2", 4, False),
        ("ssd_inception_v2", 10, False),
        ("ssd_mobilenet_v1_fpn", 4, False),
        ("ssd_mobilenet_v1_training", 4, True),
    ],
)
def test_a_checkpoint_of_tf1(name: str, num_classes: int, averages: bool) -> None:
    folder = folder_of("tf1_15", name)
    facts = read_checkpoint_facts(folder)
    assert (facts.kind, facts.num_classes, facts.averages) == ("detection", num_classes, averages)
    assert not facts.quantised
    assert facts.variables == {key: array.shape for key, array in read_checkpoint(folder).items()}
    assert facts.original is not None and facts.original_path == str(folder / "pipeline.config")
    by_prefix = read_checkpoint_facts(folder / "model.ckpt")
    assert replace(by_prefix, path=str(folder)) == facts


def test_a_frozen_graph_has_the_variables_of_its_checkpoint() -> None:
    folder = folder_of("models", "pedestrian_ssdlite_mobilenet_v2")
    frozen = read_checkpoint_facts(folder / "frozen_inference_graph.pb")
    facts = read_checkpoint_facts(folder / "model.ckpt")
    assert frozen.variables == facts.variables
    assert (frozen.kind, frozen.num_classes) == (facts.kind, facts.num_classes) == ("detection", 1)
    assert facts.original is None and facts.original_path == ""


def write(prefix: Path, arrays: dict[str, tuple[int, ...]], version: int = 2) -> Path:
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variables = [
            tf.compat.v1.get_variable(name, initializer=np.zeros(shape, np.float32), use_resource=False)
            for name, shape in arrays.items()
        ]
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver(variables, write_version=version).save(session, str(prefix))
    return prefix


@pytest.mark.parametrize("version", [1, 2])
def test_a_classifier(tmp_path: Path, version: int) -> None:
    arrays = {"MobilenetV1/Conv2d_0/weights": (3, 3, 3, 32), "MobilenetV1/Conv2d_0/weights/RMSProp": (1,)}
    facts = read_checkpoint_facts(write(tmp_path / "mobilenet.ckpt", arrays, version))
    assert (facts.kind, facts.num_classes) == ("classification", None)
    assert facts.variables == {"MobilenetV1/Conv2d_0/weights": (3, 3, 3, 32)}


def test_quantisation_leaves_its_ranges(tmp_path: Path) -> None:
    arrays = {"FeatureExtractor/MobilenetV1/Conv2d_0/act_quant/min": (1,), "BoxPredictor_0/a": (2,)}
    facts = read_checkpoint_facts(write(tmp_path / "model.ckpt", arrays))
    assert facts.quantised
    assert facts.variables == {"BoxPredictor_0/a": (2,)}
    assert facts.num_classes is None


def test_the_config_beside_the_checkpoint_or_above(tmp_path: Path) -> None:
    source = folder_of("tf1_15", "ssd_mobilenet_v1")
    export = tmp_path / "export"
    for file in source.glob("model.ckpt.*"):
        (export / "checkpoint").mkdir(parents=True, exist_ok=True)
        shutil.copy(file, export / "checkpoint")
    prefix = export / "checkpoint" / "model.ckpt"
    assert original_config(prefix) is None
    shutil.copy(source / "pipeline.config", export)
    assert original_config(prefix) == original_config(prefix.parent) == export / "pipeline.config"
    assert read_checkpoint_facts(prefix).original is not None
    (export / "pipeline.config").write_text("model { ")
    facts = read_checkpoint_facts(prefix)
    assert facts.original is None and facts.original_path == ""


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        read_checkpoint_facts(tmp_path / "model.ckpt")
    damaged = write(tmp_path / "model.ckpt", {"BoxPredictor_0/a": (2,)}).with_name("model.ckpt.index")
    damaged.write_bytes(damaged.read_bytes()[:-9])
    with pytest.raises(BadInput, match="table"):
        read_checkpoint_facts(tmp_path / "model.ckpt")


def test_a_checkpoint_of_tf1_needs_no_tensorflow() -> None:
    folder = folder_of("tf1_15", "ssd_mobilenet_v1")
    code = f"""
import sys
from pathlib import Path
from components.config_validator.checkpoint_facts import read_checkpoint_facts
assert not {{"numpy", "components.checkpoint_converter"}} & set(sys.modules)
assert read_checkpoint_facts(Path({str(folder)!r})).num_classes == 4
assert "tensorflow" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
