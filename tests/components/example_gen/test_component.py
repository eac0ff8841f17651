from __future__ import annotations

import json

import pytest
from tfx.types import standard_artifacts

from components.example_gen.component import ExampleGen
from components.example_gen.executor import Executor
from components.types import DataQuarantine
from detection.errors import BadInput


def artifacts(tmp_path):
    made = {
        "examples": standard_artifacts.Examples(),
        "quarantine": DataQuarantine(),
        "statistics": standard_artifacts.ExampleStatistics(),
        "schema": standard_artifacts.Schema(),
    }
    for name, artifact in made.items():
        artifact.uri = str(tmp_path / name)
    return made


def run(voc_data, tmp_path, made, previous="", **options):
    properties = {
        "data": json.dumps(voc_data.options(**options)),
        "label_map": str(tmp_path / "label_map.pbtxt"),
        "previous_statistics": previous,
    }
    Executor().Do({}, {name: [artifact] for name, artifact in made.items()}, properties)


def test_declares_its_contract():
    node = ExampleGen(data="{}", label_map="/l.pbtxt", fingerprint="f")
    assert node.outputs["examples"].type is standard_artifacts.Examples
    assert node.outputs["quarantine"].type is DataQuarantine
    assert node.outputs["statistics"].type is standard_artifacts.ExampleStatistics
    assert node.outputs["schema"].type is standard_artifacts.Schema
    assert node.exec_properties == {
        "data": "{}",
        "label_map": "/l.pbtxt",
        "fingerprint": "f",
        "previous_statistics": "",
    }


def test_executor_fills_its_artifacts(voc_data, tmp_path):
    voc_data.add("train", "a")
    voc_data.add("eval", "b")
    made = artifacts(tmp_path)
    run(voc_data, tmp_path, made)
    assert json.loads(made["examples"].split_names) == ["train", "eval"]
    assert json.loads(made["statistics"].split_names) == ["train", "eval"]
    for split in ("train", "eval"):
        shard = tmp_path / "examples" / f"Split-{split}" / "examples-00000-of-00001.tfrecord"
        assert shard.stat().st_size > 0
        assert (tmp_path / "statistics" / f"Split-{split}" / "FeatureStats.pb").stat().st_size > 0
    assert (tmp_path / "schema" / "schema.pbtxt").stat().st_size > 0
    assert made["quarantine"].get_int_custom_property("images_written") == 2
    assert json.loads((tmp_path / "quarantine" / "statistics.json").read_text())["images_read"] == 2


def test_executor_says_what_drifted(voc_data, tmp_path, capsys):
    for i in range(30):
        voc_data.add("train", f"{i}")
    voc_data.add("eval", "e")
    run(voc_data, tmp_path, artifacts(tmp_path / "one"))
    for i in range(30):
        voc_data.add("train", f"{i}", [("dog", (10, 20, 50, 60))])
    previous = str(tmp_path / "one" / "quarantine")
    run(voc_data, tmp_path, artifacts(tmp_path / "two"), previous, drift={"class_frequency": 0.1})
    assert "warning: train: cat was 100.0% of the boxes, now 0.0%" in capsys.readouterr().out


def test_the_environment_names_beams_options(voc_data, tmp_path, monkeypatch):
    voc_data.add("train", "a")
    voc_data.add("eval", "b")
    monkeypatch.setenv("UPCYCLE_BEAM_ARGS", "--runner=NoSuchRunner")
    with pytest.raises(ValueError, match="NoSuchRunner"):
        run(voc_data, tmp_path, artifacts(tmp_path))


def test_executor_hands_on_a_users_mistake(voc_data, tmp_path):
    with pytest.raises(BadInput, match="isn't there"):
        run(voc_data, tmp_path, artifacts(tmp_path))
