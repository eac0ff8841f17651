from __future__ import annotations

import json

import pytest

from components.checkpoint_converter.component import CheckpointConverter
from components.checkpoint_converter.executor import Executor
from components.types import ConvertedModel, ResolvedConfig
from detection.config.pipeline_config import write_pipeline_config
from detection.errors import BadInput

NAME = "embedded_ssd_mobilenet_v1"


def label_map(*names: str) -> str:
    return "\n".join(f"item {{ id: {i} name: '{name}' }}" for i, name in enumerate(names, start=1))


@pytest.fixture
def nodes(tmp_path, tf1_config):
    resolved, converted = ResolvedConfig(), ConvertedModel()
    resolved.uri, converted.uri = str(tmp_path / "config"), str(tmp_path / "converted")
    (tmp_path / "config").mkdir()
    (tmp_path / "converted").mkdir()  # TFX makes the folder of an output before the executor runs
    config = tf1_config(NAME)
    config.model.ssd.num_classes = 5
    write_pipeline_config(config, tmp_path / "config" / "pipeline.config")
    (tmp_path / "config" / "label_map.pbtxt").write_text(label_map("cat", "dog", "bird", "fish", "mouse"))
    return resolved, converted


def test_converts_and_records_the_proof(nodes, tf1_folder, photos, tmp_path, capsys):
    resolved, converted = nodes
    properties = {
        "checkpoint": str(tf1_folder(NAME) / "frozen_inference_graph.pb"),
        "proof_images": json.dumps([str(path) for path in photos[:2]]),
        "label_map": "",
        "weights": "config",
        "prove": 1,
        "fingerprint": "0",
    }
    Executor().Do({"resolved_config": [resolved]}, {"converted_model": [converted]}, properties)
    assert (tmp_path / "converted" / "saved_model" / "saved_model.pb").is_file()
    assert converted.get_string_custom_property("architecture") == "embedded_ssd_mobilenet_v1"
    assert converted.get_int_custom_property("variables_loaded") == 185 - 10
    assert converted.get_int_custom_property("variables_total") == 185
    assert 0 < converted.get_float_custom_property("max_difference_raw") < 1e-5
    assert converted.get_int_custom_property("class_rows_carried") == 0
    assert converted.get_string_custom_property("proof") == "passed"
    printed = capsys.readouterr().out
    assert "175 of 185 variables" in printed and "class head: 0 of 5 rows: the number" in printed


def test_class_rows_by_name_and_no_proof_on_record(nodes, tf1_folder, tmp_path, capsys):
    resolved, converted = nodes
    (tmp_path / "old.pbtxt").write_text(label_map("bird", "horse", "cat"))
    properties = {
        "checkpoint": str(tf1_folder(NAME) / "frozen_inference_graph.pb"),
        "proof_images": "[]",
        "label_map": str(tmp_path / "old.pbtxt"),
        "weights": "config",
        "prove": 0,
        "fingerprint": "0",
    }
    Executor().Do({"resolved_config": [resolved]}, {"converted_model": [converted]}, properties)
    assert converted.get_int_custom_property("class_rows_carried") == 2
    assert converted.get_string_custom_property("proof") == "unproved"
    assert not converted.has_custom_property("max_difference_raw")
    printed = capsys.readouterr().out
    assert "UNPROVED" in printed and "class head: 2 of 5 rows by name" in printed
    assert "UNPROVED" in (tmp_path / "converted" / "report.md").read_text()


def test_bad_input_passes_through(nodes, tmp_path):
    resolved, converted = nodes
    properties = {
        "checkpoint": str(tmp_path / "model.ckpt"),
        "proof_images": "[]",
        "label_map": "",
        "weights": "config",
        "prove": 1,
        "fingerprint": "0",
    }
    with pytest.raises(BadInput, match="no checkpoint at this path"):
        Executor().Do({"resolved_config": [resolved]}, {"converted_model": [converted]}, properties)


def test_contract():
    from tfx.types import channel_utils

    node = CheckpointConverter(
        resolved_config=channel_utils.as_channel([ResolvedConfig()]),
        checkpoint="model.ckpt",
        proof_images="[]",
        label_map="old.pbtxt",
        weights="averages",
        prove=False,
        fingerprint="abc",
    )
    assert list(node.outputs) == ["converted_model"]
    assert node.outputs["converted_model"].type is ConvertedModel
    assert node.exec_properties == {
        "checkpoint": "model.ckpt",
        "proof_images": "[]",
        "label_map": "old.pbtxt",
        "weights": "averages",
        "prove": 0,
        "fingerprint": "abc",
    }
