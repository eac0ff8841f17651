"""Variable lists of real checkpoints: every name is a model's variable or has a reason to be left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from components.checkpoint_converter.bookkeeping import MOVING_AVERAGE, reason_to_ignore
from components.checkpoint_converter.inspect import checkpoint_num_classes
from detection.builder import build_detector
from detection.config.pipeline_config import read_pipeline_config
from detection.tf1.names import keras_path, tf1_name


def _depthwise_maps(config: Any) -> None:
    """The zoo's ssd_mobilenet_v2 of 2018-03-29 was trained with a config of its own time."""
    config.model.ssd.feature_extractor.use_depthwise = True
    config.model.ssd.box_predictor.convolutional_box_predictor.kernel_size = 3


def _as_it_is(config: Any) -> None:
    pass


# List, sample config that it was trained with, and what the training changed in it.
LISTS = [
    ("export_ssd_mobilenet_hand", "ssd_mobilenet_v2_coco", _as_it_is),
    ("export_ssd_mobilenet_v2_quantized", "ssd_mobilenet_v2_quantized_300x300_coco", _as_it_is),
    ("faster_rcnn_inception_v2_coco_2018_01_28", "faster_rcnn_inception_v2_coco", _as_it_is),
    ("ssd_inception_v2_coco", "ssd_inception_v2_coco", _as_it_is),
    (
        "ssd_mobilenet_v1_0.75_depth_quantized_300x300_coco14_sync_2018_07_18",
        "ssd_mobilenet_v1_0.75_depth_quantized_300x300_coco14_sync",
        _as_it_is,
    ),
    ("ssd_mobilenet_v1_coco_2018_01_28", "ssd_mobilenet_v1_coco", _as_it_is),
    ("ssd_mobilenet_v1_fpn", "ssd_mobilenet_v1_fpn_shared_box_predictor_640x640_coco14_sync", _as_it_is),
    ("ssd_mobilenet_v2_coco_2018_03_29", "ssd_mobilenet_v2_coco", _depthwise_maps),
    ("ssdlite_mobilenet_v2_coco_2018_05_09", "ssdlite_mobilenet_v2_coco", _as_it_is),
    ("training_faster_rcnn_inception_v2_momentum", "faster_rcnn_inception_v2_coco", _as_it_is),
    pytest.param(
        "training_faster_rcnn_resnet101_momentum",
        "faster_rcnn_resnet101_coco",
        _as_it_is,
        marks=pytest.mark.slow,
    ),
    ("training_ssd_mobilenet_v1_rmsprop", "ssd_mobilenet_v1_coco", _as_it_is),
    ("training_ssd_mobilenet_v2_rmsprop_ema", "ssdlite_mobilenet_v2_coco", _as_it_is),
    ("training_ssdlite_mobilenet_v2_rmsprop", "ssd_mobilenet_v2_coco", _as_it_is),
]


@pytest.mark.parametrize(("listing", "sample", "change"), LISTS)
def test_every_name_is_classified(zoo_variables, sample_config, listing, sample, change):
    shapes = zoo_variables(listing)
    config = read_pipeline_config(sample_config(sample))
    change(config)
    biases = {name: np.zeros(shape) for name, shape in shapes.items() if name.endswith("biases")}
    model = build_detector(config.model, num_classes=checkpoint_num_classes(biases))
    wanted = {tf1_name(weight.path, model.name): tuple(weight.shape) for weight in model.weights}
    assert {name: shapes.get(name) for name in wanted} == wanted

    unexplained = {
        name
        for name in set(shapes) - set(wanted)
        if reason_to_ignore(name) is None and name.removesuffix(MOVING_AVERAGE) not in wanted
    }
    assert unexplained == set()


def test_every_list_is_here(zoo_listings):
    assert {getattr(row, "values", row)[0] for row in LISTS} == zoo_listings


@pytest.mark.parametrize(
    "listing",
    [
        "ssd_mobilenet_v1_fpn",
        "ssd_inception_v2_coco",
        "ssdlite_mobilenet_v2_coco_2018_05_09",
        "faster_rcnn_inception_v2_coco_2018_01_28",
        "training_faster_rcnn_resnet101_momentum",
    ],
)
def test_every_model_variable_of_real_checkpoints_maps_and_maps_back(zoo_variables, listing):
    names = [name for name in zoo_variables(listing) if reason_to_ignore(name) is None]
    paths = {name: keras_path(name) for name in names}
    assert None not in paths.values()
    assert len(set(paths.values())) == len(names)
    assert {name: tf1_name(path, "ssd") for name, path in paths.items()} == {name: name for name in names}
