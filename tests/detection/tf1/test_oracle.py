"""The graph that the TF1 code builds beside TensorFlow 2 equals the one TensorFlow 1.15 built."""

from __future__ import annotations

import numpy as np
import pytest

from detection.config.pipeline_config import read_pipeline_config, write_pipeline_config
from detection.errors import BadInput
from detection.tf1.frozen_graph import FrozenDetector, load_frozen_graph
from detection.tf1.oracle import write_oracle

KEYS = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")
RAW_KEYS = ("box_encodings", "class_predictions_with_background")


def _outputs(model, config, out, num_classes=None):
    write_oracle(config, model.prefix, out, num_classes)
    return FrozenDetector(load_frozen_graph(out)).run(model.arrays["image"])


def _equal(outputs, model, prefix=""):
    for key in (*KEYS, *RAW_KEYS):
        expected = model.arrays[prefix + key]
        np.testing.assert_allclose(outputs[key], expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))


def test_moving_averages_and_the_checkpoints_own_number_of_classes(tf1_model, tmp_path):
    model = tf1_model("ssd_mobilenet_v1_training")
    config = read_pipeline_config(model.folder / "pipeline.config")
    assert config.eval_config.use_moving_averages
    config.model.ssd.num_classes = 9  # as after a change for fine-tuning
    write_pipeline_config(config, tmp_path / "pipeline.config")
    _equal(_outputs(model, tmp_path / "pipeline.config", tmp_path / "oracle.pb", num_classes=4), model)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["oracle.pb", "pipeline.config"]


@pytest.mark.slow
def test_raw_values_where_the_config_asks_for_no_averages(tf1_model, tmp_path):
    model = tf1_model("ssd_mobilenet_v1_training")
    config = read_pipeline_config(model.folder / "pipeline.config")
    config.eval_config.use_moving_averages = False
    write_pipeline_config(config, tmp_path / "pipeline.config")
    _equal(_outputs(model, tmp_path / "pipeline.config", tmp_path / "oracle.pb"), model, "noema_")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ssd_mobilenet_v2_fpnlite", "ssd_inception_v2", "ssdlite_mobilenet_v2"])
def test_other_architectures(tf1_model, tmp_path, name):
    model = tf1_model(name)
    _equal(_outputs(model, model.folder / "pipeline.config", tmp_path / "oracle.pb"), model)


def test_a_config_of_another_model(tf1_model, tmp_path):
    model, other = tf1_model("ssd_mobilenet_v1"), tf1_model("ssd_mobilenet_v2")
    with pytest.raises(
        BadInput, match="not in the checkpoint, such as FeatureExtractor/MobilenetV2"
    ) as error:
        write_oracle(other.folder / "pipeline.config", model.prefix, tmp_path / "oracle.pb")
    assert error.value.where == model.prefix
    assert not list(tmp_path.iterdir())
