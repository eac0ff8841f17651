"""Conversion to other classes of detectors that run through the OD API's own code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.checkpoint_converter.convert import Options, convert
from components.checkpoint_converter.reverse import reverse
from components.checkpoint_converter.sources import read_checkpoint
from detection.builder import build_detector
from detection.config.label_map import LabelMap, LabelMapItem
from detection.config.pipeline_config import read_pipeline_config
from detection.weights import read_weights
from tests.parity.od_api import write_detector
from tests.parity.od_api_shim_configs import SHIM_CONFIGS

pytestmark = pytest.mark.slow

OLD, NEW = (
    LabelMap(tuple(LabelMapItem(number, name, name) for number, name in enumerate(names, start=1)))
    for names in (("cat", "dog", "bird"), ("bird", "fish", "cat", "dog"))
)
# what of the head has classes, and where the background's column is
HEADS = {
    "mask_rcnn_inception_v2": ("ClassPredictor", "Conv_1"),
    "rfcn_resnet101": ("class_predictions", "refined_locations"),
    "ssd_spaghettinet_s": ("ClassPredictor",),
}


@pytest.mark.parametrize("name", HEADS)
def test_class_rows_by_name_and_back_again(name: str, tmp_path: Path) -> None:
    source = write_detector(SHIM_CONFIGS[name], tmp_path / "tf1")
    config = read_pipeline_config(source.config)
    options = Options(label_map=NEW, old_label_map=OLD)
    report = convert(config, source.checkpoint, tmp_path / "converted", [], options)
    assert report.proof is not None and report.proof.passed
    assert report.class_head.describe() == "class head: 3 of 4 rows by name"
    assert any(note.startswith("runs through the Object Detection API's own") for note in report.notes)
    blocks = {block.block: block for block in report.blocks}
    assert blocks["backbone"].loaded == blocks["backbone"].wanted
    assert all(block.loaded + block.fresh == block.wanted for block in report.blocks if block.wanted)
    assert ("masks" in blocks) == (name == "mask_rcnn_inception_v2")
    fresh = {variable.name.split("/")[1] for variable in report.of_state("fresh")}
    assert set(HEADS[name]) <= fresh <= {*HEADS[name], "BoxEncodingPredictor"}

    resolved = read_pipeline_config(tmp_path / "converted" / "pipeline.config")
    detector = build_detector(resolved.model)
    read_weights(detector, tmp_path / "converted" / "checkpoint" / "ckpt-1")
    assert detector.num_classes == 4
    found = detector.detect(tf.zeros([1, 90, 120, 3], tf.uint8))
    assert ("detection_masks" in found) == detector.has_masks

    written = reverse(tmp_path / "converted", tmp_path / "back" / "model.ckpt", [])
    assert written.proof is not None and written.proof.passed
    before, after = read_checkpoint(source.checkpoint), read_checkpoint(Path(written.prefix))
    assert set(before) == set(after)
    kept = [key for key in before if before[key].shape == after[key].shape and "block4" not in key]
    assert len(kept) > len(before) * 0.8
    for key in kept:
        np.testing.assert_array_equal(after[key], before[key], err_msg=key)
