"""Rules about the model: each is broken once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.config_validator.findings import Finding
from components.config_validator.fixes import apply_fixes
from detection.config.label_map import LabelMap, parse_label_map
from detection.config.pipeline_config import parse_pipeline_config

FindingsOf = Callable[..., list[Finding]]

SSD = "model { ssd { %s } }"
RESIZER = SSD % "image_resizer { %s }"
NMS = SSD % "post_processing { batch_non_max_suppression { %s } }"

# text merged into the sound config; code, severity, part of the message
BROKEN = [
    (SSD % "num_classes: 0", "CFG001", "error", "num_classes is not set"),
    (SSD % "feature_extractor { type: 'ssd_efficientnet-b0_bifpn_keras' }", "CFG003", "error", "bifpn_keras"),
    (SSD % "feature_extractor { type: '' }", "CFG004", "error", "no feature_extractor type"),
    (RESIZER % "keep_aspect_ratio_resizer { }", "CFG005", "info", "keep_aspect_ratio_resizer"),
    (RESIZER % "identity_resizer { }", "CFG005", "error", "identity_resizer"),
    (RESIZER % "fixed_shape_resizer { height: 32 }", "CFG005", "error", "300x32 pixels"),
    (RESIZER % "fixed_shape_resizer { height: 1024 width: 1024 }", "CFG005", "warning", "1024x1024 pixels"),
    (RESIZER % "fixed_shape_resizer { convert_to_grayscale: true }", "CFG005", "error", "grayscale"),
    (SSD % "matcher { bipartite_matcher { } }", "CFG006", "error", "matcher is bipartite_matcher"),
    (SSD % "box_coder { keypoint_box_coder { } }", "CFG006", "info", "box_coder is keypoint_box_coder"),
    (
        SSD % "post_processing { score_converter: SOFTMAX }",
        "CFG007",
        "warning",
        "weighted_sigmoid trains for",
    ),
    (
        SSD % "loss { classification_loss { weighted_softmax { } } }",
        "CFG007",
        "warning",
        "trains for SOFTMAX",
    ),
    (NMS % "iou_threshold: 1.5", "CFG008", "error", "iou_threshold is 1.5"),
    (NMS % "max_total_detections: 0", "CFG008", "error", "no detections"),
    (NMS % "max_total_detections: 50", "CFG008", "error", "max_total_detections 50"),
    (NMS % "score_threshold: 0.3", "CFG008", "warning", "score_threshold is 0.3"),
    ("graph_rewriter { quantization { } }", "CFG009", "info", "quantisation"),
]


@pytest.mark.parametrize(("text", "code", "severity", "message"), BROKEN)
def test_one_broken_rule_is_one_finding(
    config: Any, findings_of: FindingsOf, text: str, code: str, severity: str, message: str
) -> None:
    findings = findings_of(config, text)
    assert [(f.code, f.severity) for f in findings] == [(code, severity)]
    assert message in findings[0].message
    assert findings[0].location.startswith("p.config:")
    assert int(findings[0].location.split(":")[1]) > 1 or code == "CFG009"
    assert findings[0].reason and findings[0].fix and not findings[0].safe


def test_a_sound_config_has_no_findings(config: Any, label_map: LabelMap, findings_of: FindingsOf) -> None:
    counts = {name: 9 for name in label_map.names}
    assert findings_of(config, label_map=label_map, num_examples_by_class=counts) == []


def test_num_classes_follows_the_label_map_safely(config: Any, findings_of: FindingsOf) -> None:
    labels = parse_label_map("item { id: 1 name: 'a' } item { id: 2 name: 'b' }", "l")
    (finding,) = findings_of(config, label_map=labels)
    assert (finding.code, finding.severity, finding.safe) == ("CFG001", "error", True)
    assert finding.message == "num_classes is 4, but the highest id of the label map is 2"
    fixed = apply_fixes(config, [finding])
    assert fixed.model.ssd.num_classes == 2
    assert config.model.ssd.num_classes == 4
    assert findings_of(fixed, label_map=labels) == []


def test_another_class_count_in_the_checkpoint_is_said(
    config: Any, label_map: LabelMap, findings_of: FindingsOf
) -> None:
    (finding,) = findings_of(config, label_map=label_map, checkpoint_num_classes=1)
    assert (finding.code, finding.severity) == ("CFG002", "info")
    assert finding.message == "the checkpoint has 1 classes, the new model 4"
    assert findings_of(config, label_map=label_map, checkpoint_num_classes=4) == []


def test_an_unsupported_architecture_names_the_nearest(findings_of: FindingsOf) -> None:
    text = "model { faster_rcnn { num_classes: 3 feature_extractor { type: 'faster_rcnn_nasnet' } } }"
    config = parse_pipeline_config(text, "a")
    finding = next(f for f in findings_of(config) if f.code == "CFG003")
    assert finding.message == "faster_rcnn with faster_rcnn_nasnet is not supported"
    assert "the nearest supported is faster_rcnn_nas" in finding.fix


def test_a_tf2_model_that_tf1_computes_gets_tf1s_name_safely(config: Any, findings_of: FindingsOf) -> None:
    config.model.ssd.feature_extractor.type = "ssd_mobilenet_v2_keras"
    (finding,) = findings_of(config)
    assert (finding.code, finding.severity, finding.safe) == ("CFG003", "info", True)
    fixed = apply_fixes(config, [finding])
    assert fixed.model.ssd.feature_extractor.type == "ssd_mobilenet_v2"
    assert findings_of(fixed) == []


def test_a_tf2_model_that_tf1_does_not_compute_says_why(config: Any, findings_of: FindingsOf) -> None:
    config.model.ssd.feature_extractor.type = "ssd_resnet50_v1_fpn_keras"
    finding = next(f for f in findings_of(config) if f.code == "CFG003")
    assert (finding.severity, finding.safe) == ("error", False)
    assert "TF2 config; TF2's feature pyramid" in finding.reason
    assert finding.fix.endswith("the nearest supported is ssd_resnet50_v1_fpn")
