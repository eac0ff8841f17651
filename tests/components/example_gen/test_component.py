from __future__ import annotations

import json

import pytest
from tfx.types import standard_artifacts

from components.example_gen.component import ExampleGen
from components.example_gen.executor import Executor
from components.types import DataQuarantine
from detection.errors import BadInput


def artifacts(tmp_path):
    examples, quarantine = standard_artifacts.Examples(), DataQuarantine()
    examples.uri, quarantine.uri = str(tmp_path / "examples"), str(tmp_path / "quarantine")
    return examples, quarantine


def test_declares_its_contract():
    node = ExampleGen(data="{}", label_map="/l.pbtxt", fingerprint="f")
    assert node.outputs["examples"].type is standard_artifacts.Examples
    assert node.outputs["quarantine"].type is DataQuarantine
    assert node.exec_properties == {"data": "{}", "label_map": "/l.pbtxt", "fingerprint": "f"}


def test_executor_fills_both_artifacts(voc_data, tmp_path):
    voc_data.add("train", "a")
    voc_data.add("eval", "b")
    examples, quarantine = artifacts(tmp_path)
    properties = {"data": json.dumps(voc_data.options()), "label_map": str(tmp_path / "label_map.pbtxt")}
    Executor().Do({}, {"examples": [examples], "quarantine": [quarantine]}, properties)
    assert json.loads(examples.split_names) == ["train", "eval"]
    for split in ("train", "eval"):
        assert (
            tmp_path / "examples" / f"Split-{split}" / "examples-00000-of-00001.tfrecord.gz"
        ).stat().st_size > 0
    assert quarantine.get_int_custom_property("images_written") == 2
    assert json.loads((tmp_path / "quarantine" / "statistics.json").read_text())["images_read"] == 2


def test_executor_hands_on_a_users_mistake(voc_data, tmp_path):
    examples, quarantine = artifacts(tmp_path)
    properties = {"data": json.dumps(voc_data.options()), "label_map": str(tmp_path / "label_map.pbtxt")}
    with pytest.raises(BadInput, match="isn't there"):
        Executor().Do({}, {"examples": [examples], "quarantine": [quarantine]}, properties)
