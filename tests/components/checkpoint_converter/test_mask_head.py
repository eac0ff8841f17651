from __future__ import annotations

import numpy as np

from components.checkpoint_converter.mask_head import keep_mask_depth
from detection.config.pipeline_config import parse_pipeline_config
from tests.parity.od_api_configs import faster_rcnn
from tests.parity.od_api_shim_configs import SHIM_CONFIGS

VARIABLES = {"SecondStageBoxPredictor/Conv/weights": np.zeros([3, 3, 1024, 147])}


def test_the_checkpoint_s_depth_is_written_down():
    config = parse_pipeline_config(SHIM_CONFIGS["mask_rcnn_inception_v2"], "test")
    notes: list[str] = []
    keep_mask_depth(config, VARIABLES, notes)
    predictor = config.model.faster_rcnn.second_stage_box_predictor.mask_rcnn_box_predictor
    assert predictor.mask_prediction_conv_depth == 147
    assert len(notes) == 1 and "147" in notes[0]
    keep_mask_depth(config, VARIABLES, notes)
    assert len(notes) == 1, "a depth that the config says is left alone"


def test_other_models_are_left_alone():
    for text in (faster_rcnn("faster_rcnn_inception_v2"), SHIM_CONFIGS["ssdlite_mobiledet_cpu"]):
        config = parse_pipeline_config(text, "test")
        before = config.SerializeToString()
        notes: list[str] = []
        keep_mask_depth(config, VARIABLES, notes)
        assert config.SerializeToString() == before and not notes
