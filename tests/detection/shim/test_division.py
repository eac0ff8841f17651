"""Which models of the OD API have losses that parts of a batch can't make up."""

from __future__ import annotations

from detection.config.pipeline_config import parse_pipeline_config
from detection.shim.detector import ShimDetector
from detection.shim.two_stage import ShimTwoStageDetector
from tests.parity.od_api_configs import CONFIGS


def test_what_is_drawn_does_not_add_up() -> None:
    model = parse_pipeline_config(CONFIGS["ssd_mobilenet_v1"], "tests").model
    model.ssd.normalize_loss_by_num_matches = True
    assert ShimDetector(model).indivisible is None
    model.ssd.loss.random_example_sampler.positive_sample_fraction = 0.5
    assert "random_example_sampler draws" in str(ShimDetector(model).indivisible)
    model.ssd.normalize_loss_by_num_matches = False
    assert ShimDetector(model).indivisible is None


def test_what_is_seen_of_the_first_image_alone_does_not_add_up() -> None:
    model = parse_pipeline_config(CONFIGS["faster_rcnn_inception_v2"], "tests").model
    assert ShimTwoStageDetector(model).indivisible is None
    model.faster_rcnn.hard_example_miner.num_hard_examples = 10
    assert "the first image of a batch alone" in str(ShimTwoStageDetector(model).indivisible)


def test_batch_norm_trains_where_the_config_and_the_training_say_so() -> None:
    model = parse_pipeline_config(CONFIGS["faster_rcnn_inception_v2"], "tests").model
    for trainable in (False, True):
        model.faster_rcnn.feature_extractor.batch_norm_trainable = trainable
        detector = ShimTwoStageDetector(model)
        detector._live = frozenset({"scope/BatchNorm/moving_mean"})
        assert detector.batch_norm_trains() is trainable
        detector.freeze_batch_norm = True
        assert not detector.batch_norm_trains()
