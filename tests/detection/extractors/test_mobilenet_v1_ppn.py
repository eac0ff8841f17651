from typing import Any

import numpy as np
import tensorflow as tf

from detection.builder import build_detector
from detection.extractors.mobilenet_v1_ppn import PoolingPyramid


def test_the_pyramid_pools_down_to_one_cell() -> None:
    features = tf.random.stateless_normal([1, 5, 7, 2], seed=[1, 2])
    maps = PoolingPyramid(4)([features])
    assert [tuple(level.shape[1:3]) for level in maps] == [(5, 7), (3, 4), (2, 2), (1, 1)]
    np.testing.assert_array_equal(maps[0], features)
    np.testing.assert_array_equal(maps[-1][0, 0, 0], tf.reduce_max(features, [0, 1, 2]))


def test_only_what_feeds_a_prediction_is_built(small_config: Any) -> None:
    config = small_config.model.ssd
    config.feature_extractor.type = "ssd_mobilenet_v1_ppn"
    config.feature_extractor.num_layers = 6
    config.anchor_generator.ssd_anchor_generator.num_layers = 6
    detector = build_detector(small_config.model)
    scopes = {variable.path.split("/")[3] for variable in detector.variables if "Mobilenet" in variable.path}
    assert "Conv2d_11_pointwise" in scopes and "Conv2d_12_depthwise" not in scopes
    assert len(detector.box_predictors) == 6
