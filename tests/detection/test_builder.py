from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf

from detection.builder import build_detector, build_native
from detection.config.architectures import num_feature_maps
from detection.detector import Detector
from detection.errors import BadInput, NoNativeModel
from detection.layers import BatchNorm
from detection.model_builder import EXTRACTORS, feature_extractor


def test_num_classes_of_the_config_and_overridden(small_config: Any) -> None:
    assert build_detector(small_config.model).num_classes == 3
    other = build_detector(small_config.model, num_classes=7)
    assert other.num_classes == 7
    by_path = {variable.path: variable for variable in other.variables}
    assert by_path["ssd/BoxPredictor_0/ClassPredictor/bias"].shape == (3 * 8,)


@pytest.mark.slow
def test_every_ssd_type_has_as_many_feature_maps_as_the_anchors_are_told(small_config: Any) -> None:
    ssd = small_config.model.ssd
    ssd.feature_extractor.num_layers = 6
    ssd.feature_extractor.override_base_feature_extractor_hyperparams = True
    for name in EXTRACTORS:
        ssd.feature_extractor.type = name
        maps = feature_extractor(ssd.feature_extractor)(tf.zeros([1, 128, 128, 3]))
        assert len(maps) == num_feature_maps(ssd), name


def test_pad_to_multiple_pads_the_image_below_and_right(small_config: Any) -> None:
    small_config.model.ssd.feature_extractor.pad_to_multiple = 64
    anchors = len(build_detector(small_config.model).anchors)
    assert anchors == 8 * 8 * 3 + 4 * 4 * 4 + 2 * 2 * 4  # the maps of 128x128


def test_freeze_batchnorm_reaches_what_conv_hyperparams_do_not_govern(small_config: Any) -> None:
    def training(detector: Detector) -> set[str]:
        layers = (layer for layer in detector._flatten_layers() if isinstance(layer, BatchNorm))
        return {layer.path for layer in layers if layer.trains}

    every = training(build_detector(small_config.model))
    small_config.model.ssd.freeze_batchnorm = True
    frozen = build_detector(small_config.model)
    assert not frozen.freeze_batch_norm  # that is the trainer's, and for all
    assert set() < training(frozen) < every
    small_config.model.ssd.feature_extractor.override_base_feature_extractor_hyperparams = True
    assert len(training(build_detector(small_config.model))) == len(every)
    small_config.model.ssd.feature_extractor.conv_hyperparams.batch_norm.train = False
    small_config.model.ssd.box_predictor.convolutional_box_predictor.conv_hyperparams.batch_norm.train = False
    assert not training(build_detector(small_config.model))


def test_an_architecture_without_a_native_model_is_told_apart(small_config: Any) -> None:
    small_config.model.ssd.feature_extractor.type = "ssd_mobiledet_cpu"
    with pytest.raises(NoNativeModel, match="ssd_mobiledet_cpu has no native model"):
        build_native(small_config.model)
    small_config.model.Clear()
    small_config.model.faster_rcnn.feature_extractor.type = "faster_rcnn_nas"
    with pytest.raises(NoNativeModel, match="faster_rcnn_nas has no native model"):
        build_native(small_config.model)


def _mask_rcnn_head(ssd: Any) -> None:
    ssd.box_predictor.mask_rcnn_box_predictor.use_dropout = False


def _shared_head_without_depth(ssd: Any) -> None:
    ssd.box_predictor.weight_shared_convolutional_box_predictor.num_layers_before_predictor = 4


def _shared_head_and_other_numbers_of_anchors(ssd: Any) -> None:
    shared = ssd.box_predictor.weight_shared_convolutional_box_predictor
    shared.conv_hyperparams.CopyFrom(ssd.feature_extractor.conv_hyperparams)
    shared.depth = 8


def _pyramid_of_odd_size(ssd: Any) -> None:
    ssd.feature_extractor.type = "ssd_mobilenet_v2_fpn"
    ssd.image_resizer.fixed_shape_resizer.height = 150


def _keep_aspect(ssd: Any) -> None:
    ssd.image_resizer.keep_aspect_ratio_resizer.min_dimension = 300


def _multiscale_of_five_levels(ssd: Any) -> None:
    ssd.anchor_generator.multiscale_anchor_generator.min_level = 3


def _multiscale_in_pixels(ssd: Any) -> None:
    ssd.anchor_generator.multiscale_anchor_generator.normalize_coordinates = False


def _grid_anchors(ssd: Any) -> None:
    ssd.anchor_generator.grid_anchor_generator.height = 64


def _focal_and_mining(ssd: Any) -> None:
    ssd.loss.classification_loss.weighted_sigmoid_focal.gamma = 2.0


def _sampler(ssd: Any) -> None:
    ssd.loss.random_example_sampler.positive_sample_fraction = 0.5


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (_mask_rcnn_head, "model.ssd.box_predictor"),
        (_shared_head_without_depth, "weight_shared_convolutional_box_predictor.depth"),
        (_shared_head_and_other_numbers_of_anchors, "model.ssd.anchor_generator"),
        (_pyramid_of_odd_size, "image_resizer.fixed_shape_resizer"),
        (_keep_aspect, "model.ssd.image_resizer"),
        (_multiscale_of_five_levels, "multiscale_anchor_generator.max_level"),
        (_multiscale_in_pixels, "multiscale_anchor_generator.normalize_coordinates"),
        (_grid_anchors, "model.ssd.anchor_generator"),
        (_focal_and_mining, "model.ssd.loss.hard_example_miner"),
        (_sampler, "model.ssd.loss.random_example_sampler"),
        (lambda ssd: setattr(ssd, "num_classes", 0), "model.ssd.num_classes"),
        (lambda ssd: setattr(ssd, "add_background_class", False), "model.ssd.add_background_class"),
        (lambda ssd: ssd.ClearField("matcher"), "model.ssd.matcher"),
        (lambda ssd: ssd.ClearField("box_coder"), "model.ssd.box_coder"),
        (lambda ssd: setattr(ssd.feature_extractor, "num_layers", 6), "ssd_anchor_generator.num_layers"),
        (
            lambda ssd: setattr(ssd.post_processing.batch_non_max_suppression, "max_total_detections", 5),
            "batch_non_max_suppression",
        ),
        (
            lambda ssd: setattr(ssd.image_resizer.fixed_shape_resizer, "height", 20),
            "image_resizer.fixed_shape_resizer",
        ),
    ],
)
def test_what_is_not_supported_is_bad_input(
    small_config: Any, change: Callable[[Any], None], where: str
) -> None:
    change(small_config.model.ssd)
    with pytest.raises(BadInput) as error:
        build_native(small_config.model)
    assert where in error.value.where
    assert error.value.fix
