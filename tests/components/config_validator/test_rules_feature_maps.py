"""Rules about feature maps, anchors and pyramids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.config_validator.findings import Finding

FindingsOf = Callable[..., list[Finding]]

SSD = "model { ssd { %s } }"
PYRAMID = SSD % (
    "feature_extractor { type: 'ssd_mobilenet_v2_fpn' fpn { min_level: 3 max_level: 7 } }"
    "anchor_generator { multiscale_anchor_generator { min_level: 3 max_level: 7 } }"
    "box_predictor { weight_shared_convolutional_box_predictor { depth: 32 } }"
    "image_resizer { fixed_shape_resizer { height: 320 width: 320 } }"
)


def verdict(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.code, finding.severity) for finding in findings]


def test_anchors_of_too_few_maps(config: Any, findings_of: FindingsOf) -> None:
    findings = findings_of(config, SSD % "anchor_generator { ssd_anchor_generator { num_layers: 5 } }")
    assert verdict(findings) == [("CFG024", "error")]
    assert "5 feature maps" in findings[0].message


def test_a_feature_pyramid_is_sound(config: Any, findings_of: FindingsOf) -> None:
    assert findings_of(config, PYRAMID) == []


def test_anchors_of_too_few_levels(config: Any, findings_of: FindingsOf) -> None:
    text = SSD % "anchor_generator { multiscale_anchor_generator { max_level: 6 } }"
    findings = findings_of(config, PYRAMID + text)
    assert verdict(findings) == [("CFG024", "error")]
    assert "4 feature maps" in findings[0].message and "has 5" in findings[0].message
    assert findings[0].fix == "max_level: 7"
    assert findings[0].location.startswith("p.config:")


@pytest.mark.parametrize(
    ("extractor", "sound"), [("", False), ("pad_to_multiple: 32", True), ("use_explicit_padding: true", True)]
)
def test_image_size_of_a_pyramid(config: Any, findings_of: FindingsOf, extractor: str, sound: bool) -> None:
    size = SSD % "image_resizer { fixed_shape_resizer { height: 300 width: 320 } }"
    findings = findings_of(config, PYRAMID + size + SSD % f"feature_extractor {{ {extractor} }}")
    assert verdict(findings) == ([] if sound else [("CFG025", "error")])
    if not sound:
        assert "300 pixels gives feature maps of 38, 19, 10 cells" in findings[0].message
