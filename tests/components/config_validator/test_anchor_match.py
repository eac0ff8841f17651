"""Overlap of anchors and boxes, against every anchor that the model's own generators make."""

from __future__ import annotations

import time

import numpy as np
import pytest

from components.config_validator.anchor_match import best_overlaps, first_stage_anchors, ssd_anchors
from detection.anchor_builder import anchor_generator, grid_anchor_generator
from detection.config.feature_map_sizes import feature_map_sizes, first_stage_map_size
from detection.config.pipeline_config import parse_pipeline_config
from tests.parity.od_api_configs import CONFIGS

SSDS = ("ssd_mobilenet_v1", "ssd_mobilenet_v1_ppn_shared_predictor", "ssd_mobilenet_v2_fpn")
IMAGE = (123, 210)


@pytest.fixture
def boxes() -> tuple[np.ndarray, np.ndarray]:
    """(width, height) and (x, y) of 300 boxes of all sizes, some at the border."""
    random = np.random.default_rng(0)
    corners = np.sort(random.random((300, 2, 2)), axis=1)
    corners[:150] = corners[:150, :1] + (corners[:150] - corners[:150, :1]) / 8  # small ones
    return corners[:, 1] - corners[:, 0], corners.mean(axis=1)


def overlaps_of_all(anchors: np.ndarray, sizes: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """The best IoU with `[A, 4]` anchors [ymin, xmin, ymax, xmax], each compared with each box."""
    low, high = (centers - sizes / 2)[:, np.newaxis, ::-1], (centers + sizes / 2)[:, np.newaxis, ::-1]
    shared = np.maximum(np.minimum(high, anchors[:, 2:]) - np.maximum(low, anchors[:, :2]), 0).prod(-1)
    areas = (anchors[:, 2:] - anchors[:, :2]).prod(-1)
    return (shared / (sizes.prod(-1)[:, np.newaxis] + areas - shared)).max(axis=1)


@pytest.mark.parametrize("name", SSDS)
@pytest.mark.parametrize("width", [160, 256])
def test_anchors_of_ssd(name: str, width: int, boxes: tuple[np.ndarray, np.ndarray]) -> None:
    config = parse_pipeline_config(CONFIGS[name], name).model.ssd
    config.image_resizer.fixed_shape_resizer.width = width
    height = config.image_resizer.fixed_shape_resizer.height
    sizes = feature_map_sizes(config)
    assert sizes is not None
    anchors = anchor_generator(config).generate(sizes, (height, width))
    expected = overlaps_of_all(anchors.astype(float), *boxes)
    np.testing.assert_allclose(best_overlaps(ssd_anchors(config), *boxes), expected, atol=1e-5)
    assert 0.1 < (expected < 0.5).mean() < 0.9  # so that both kinds are among the boxes


@pytest.mark.parametrize("name", ["faster_rcnn_inception_v2", "faster_rcnn_resnet101_atrous"])
def test_anchors_of_the_first_stage(name: str, boxes: tuple[np.ndarray, np.ndarray]) -> None:
    config = parse_pipeline_config(CONFIGS[name], name).model.faster_rcnn
    generator = grid_anchor_generator(config.first_stage_anchor_generator)
    anchors = generator.generate(*first_stage_map_size(config, IMAGE)).numpy().astype(float)
    inside = (anchors[:, :2] >= 0).all(axis=1) & (anchors[:, 2:] <= IMAGE).all(axis=1)
    assert 0 < inside.sum() < len(anchors)
    expected = overlaps_of_all(anchors[inside] / (*IMAGE, *IMAGE), *boxes)
    found = best_overlaps(first_stage_anchors(config, IMAGE), *boxes)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_what_is_not_known_has_no_anchors() -> None:
    ssd = parse_pipeline_config(CONFIGS["ssd_mobilenet_v1"], "c").model.ssd
    ssd.anchor_generator.ssd_anchor_generator.num_layers = 5
    assert ssd_anchors(ssd) == []
    ssd.feature_extractor.type = "ssd_mobiledet_cpu"
    assert ssd_anchors(ssd) == []
    faster_rcnn = parse_pipeline_config(CONFIGS["faster_rcnn_resnet50"], "c").model.faster_rcnn
    assert first_stage_anchors(faster_rcnn, IMAGE)
    faster_rcnn.clip_anchors_to_image = True
    assert first_stage_anchors(faster_rcnn, IMAGE) == []


def test_20_000_boxes_are_quick() -> None:
    config = parse_pipeline_config(CONFIGS["ssd_resnet50_v1_fpn"], "c").model.ssd
    config.image_resizer.fixed_shape_resizer.height = config.image_resizer.fixed_shape_resizer.width = 1280
    random = np.random.default_rng(1)
    started = time.process_time()
    best_overlaps(ssd_anchors(config), random.random((20_000, 2)) / 2 + 0.01, random.random((20_000, 2)))
    assert time.process_time() - started < 2.0
