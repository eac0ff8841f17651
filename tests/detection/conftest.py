"""A small SSDLite that builds in a second, for tests of the model's own parts."""

from __future__ import annotations

from typing import Any

import pytest

from detection.builder import build_detector
from detection.config.pipeline_config import parse_pipeline_config
from detection.ssd import SSD

HYPERPARAMS = """conv_hyperparams {
  activation: RELU_6
  regularizer { l2_regularizer { weight: 0.00004 } }
  initializer { truncated_normal_initializer { stddev: 0.03 } }
  batch_norm { decay: 0.9 epsilon: 0.001 center: true scale: true train: true }
}"""

SMALL_SSDLITE = f"""model {{ ssd {{
  num_classes: 3
  image_resizer {{ fixed_shape_resizer {{ height: 96 width: 96 }} }}
  feature_extractor {{
    type: "ssd_mobilenet_v2" depth_multiplier: 0.1 min_depth: 8 use_depthwise: true num_layers: 3
    {HYPERPARAMS}
  }}
  box_coder {{ faster_rcnn_box_coder {{ }} }}
  matcher {{ argmax_matcher {{ force_match_for_each_row: true }} }}
  similarity_calculator {{ iou_similarity {{ }} }}
  encode_background_as_zeros: true
  box_predictor {{ convolutional_box_predictor {{
    kernel_size: 3 use_depthwise: true use_dropout: false {HYPERPARAMS}
  }} }}
  anchor_generator {{ ssd_anchor_generator {{ num_layers: 3 aspect_ratios: [1, 2, 0.5] }} }}
  post_processing {{
    batch_non_max_suppression {{
      score_threshold: 0.01 iou_threshold: 0.6 max_detections_per_class: 10 max_total_detections: 20
    }}
    score_converter: SIGMOID
  }}
  loss {{
    localization_loss {{ weighted_smooth_l1 {{ }} }}
    classification_loss {{ weighted_sigmoid {{ }} }}
    hard_example_miner {{
      num_hard_examples: 3000 iou_threshold: 0.99 loss_type: CLASSIFICATION max_negatives_per_positive: 3
    }}
    classification_weight: 1 localization_weight: 1
  }}
}} }}"""


@pytest.fixture
def small_config() -> Any:
    """A fresh TrainEvalPipelineConfig proto of the small SSDLite, free to edit."""
    return parse_pipeline_config(SMALL_SSDLITE, "small.config")


@pytest.fixture
def small_detector(small_config: Any) -> SSD:
    """The small SSDLite, built, with fresh variables."""
    return build_detector(small_config.model)
