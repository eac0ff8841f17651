"""The Object Detection API's Keras model as a frozen graph, restored from its own checkpoint."""

from __future__ import annotations

import numpy as np
import pytest

from detection.errors import BadInput
from detection.tf1.frozen_graph import FrozenDetector, load_frozen_graph
from detection.tf1.oracle import write_oracle
from tests.parity.od_api_configs import CONVOLUTIONAL, ssd
from tests.parity.od_api_keras import write_keras_detector

V1 = ssd("ssd_mobilenet_v1_keras", "", CONVOLUTIONAL, size=96)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return write_keras_detector(V1, tmp_path_factory.mktemp("keras") / "v1")


@pytest.mark.slow
def test_its_raw_tensors_and_feature_maps_are_found(exported, tmp_path):
    write_oracle(exported.parents[1] / "pipeline.config", str(exported), tmp_path / "oracle.pb")
    detector = FrozenDetector(load_frozen_graph(tmp_path / "oracle.pb"))
    assert detector.raw is not None and len(detector.raw.feature_maps) == 6
    assert all(name.startswith("FeatureExtractor/") for name in detector.raw.feature_maps)
    images = np.random.default_rng(0).integers(0, 256, [2, 90, 120, 3]).astype(np.uint8)
    outputs = detector.run(images)
    boxes, logits = outputs["box_encodings"], outputs["class_predictions_with_background"]
    assert boxes.shape[:2] == logits.shape[:2] and (boxes.shape[2], logits.shape[2]) == (4, 4)
    assert np.abs(logits[0] - logits[1]).max() > 0.1  # it sees the image
    assert outputs["num_detections"].min() > 0 and outputs["detection_classes"].min() >= 1
    assert detector.raw.preprocessed is not None
    preprocessed = detector.fetch([detector.raw.preprocessed], images)[detector.raw.preprocessed]
    assert preprocessed.shape == (2, 96, 96, 3) and -1 <= preprocessed.min() < preprocessed.max() <= 1


@pytest.mark.slow
def test_a_checkpoint_of_another_model(exported, tmp_path):
    config = tmp_path / "pipeline.config"
    config.write_text(V1.replace("ssd_mobilenet_v1_keras", "ssd_mobilenet_v2_keras"))
    with pytest.raises(BadInput, match="does not fit the config's TF2 model") as error:
        write_oracle(config, str(exported), tmp_path / "oracle.pb")
    assert error.value.where == str(exported) and not (tmp_path / "oracle.pb").exists()
