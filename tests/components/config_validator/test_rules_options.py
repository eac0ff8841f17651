"""The rule about impossible options, against what the models refuse."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.protobuf import text_format

from components.config_validator.rules_options import RULES
from components.config_validator.subject import Problem
from detection.builder import build_native
from detection.config.pipeline_config import parse_pipeline_config
from detection.errors import BadInput, NoNativeModel
from tests.parity.od_api_configs import CONFIGS

ProblemsOf = Callable[..., list[tuple[str, Problem]]]

SSD = "model { ssd { %s } }"
EXTRACTOR = SSD % "feature_extractor { %s }"
PREDICTOR = SSD % "box_predictor { %s }"
# name in CONFIGS, text merged into it, part of the message
IMPOSSIBLE = [
    ("ssd_inception_v2", EXTRACTOR % "override_base_feature_extractor_hyperparams: false", "override_base"),
    ("ssd_mobilenet_v3_small", EXTRACTOR % "use_explicit_padding: true", "use_explicit_padding with ssd_mob"),
    ("ssd_resnet50_v1_fpn", EXTRACTOR % "use_explicit_padding: true", "use_explicit_padding with ssd_resnet"),
    ("ssd_mobilenet_v3_small", EXTRACTOR % "num_layers: 4", "num_layers is 4"),
    ("ssd_mobilenet_v1", EXTRACTOR % "num_layers: 0", "num_layers is 0"),
    ("ssd_mobilenet_v2_fpn", EXTRACTOR % "fpn { min_level: 1 }", "from level 1 to 7"),
    ("ssd_mobilenet_v2_fpn", EXTRACTOR % "fpn { min_level: -2147483648 }", "from level -2147483648 to 7"),
    (
        "ssdlite_mobilenet_v2",
        PREDICTOR % "convolutional_box_predictor { kernel_size: 1 }",
        "use_depthwise with a kernel_size of 1",
    ),
    (
        "ssd_mobilenet_v2",
        PREDICTOR % "convolutional_box_predictor { box_code_size: 5 }",
        "box_code_size is 5",
    ),
    (
        "ssd_mobilenet_v1_fpn",
        PREDICTOR % "weight_shared_convolutional_box_predictor { depth: 0 }",
        "depth is 0 with 2 layers",
    ),
    (
        "ssd_mobilenet_v1_ppn_shared_predictor",
        SSD % "anchor_generator { ssd_anchor_generator { reduce_boxes_in_lowest_layer: true } }",
        "reduce_boxes_in_lowest_layer",
    ),
    (
        "ssd_mobilenet_v2",
        SSD % "matcher { argmax_matcher { unmatched_threshold: 0.6 } }",
        "unmatched_threshold 0.6 is above matched_threshold 0.5",
    ),
    ("ssd_mobilenet_v1_fpn", SSD % "loss { hard_example_miner { } }", "hard_example_miner with a focal"),
    (
        "faster_rcnn_resnet50",
        "model { faster_rcnn { feature_extractor { first_stage_features_stride: 4 } } }",
        "first_stage_features_stride is 4",
    ),
]


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_what_the_models_build_is_possible(name: str, problems_of: ProblemsOf) -> None:
    assert problems_of(RULES, parse_pipeline_config(CONFIGS[name], name)) == []


@pytest.mark.parametrize(("name", "text", "message"), IMPOSSIBLE)
def test_what_the_models_refuse_is_found(name: str, text: str, message: str, problems_of: ProblemsOf) -> None:
    config = parse_pipeline_config(CONFIGS[name], name)
    ((code, problem),) = problems_of(RULES, config, text)
    assert (code, problem.severity) == ("CFG039", "error")
    assert message in problem.message
    with pytest.raises(BadInput) as refusal:
        build_native(config.model)
    assert not isinstance(refusal.value, NoNativeModel)


def test_the_override_of_inception_v2_is_set_safely(problems_of: ProblemsOf) -> None:
    config = parse_pipeline_config(CONFIGS["ssd_inception_v2"], "c")
    ((_, problem),) = problems_of(RULES, config, IMPOSSIBLE[0][1])
    (change,) = problem.changes
    text_format.Merge(EXTRACTOR % f"{change.field.rpartition('.')[2]}: true", config)
    assert change.value is True
    assert problems_of(RULES, config) == []
