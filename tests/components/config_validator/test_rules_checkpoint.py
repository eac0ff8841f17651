"""The rule about the checkpoint's variables, on real checkpoints of TF1 and on the models' own variables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format

from components.config_validator.checkpoint_facts import CheckpointFacts, read_checkpoint_facts
from components.config_validator.rules_checkpoint import RULES
from components.config_validator.subject import Problem
from detection.builder import build_native
from detection.config.architectures import NATIVE, architecture_of
from detection.config.pipeline_config import parse_pipeline_config
from detection.tf1.names import tf1_name
from tests.components.config_validator.facts import checkpoint
from tests.parity.od_api_configs import CONFIGS

ProblemsOf = Callable[..., list[tuple[str, Problem]]]

DATA = Path(__file__).resolve().parents[4] / "shared/data"
WRITTEN_BY_TF1 = (
    "embedded_ssd_mobilenet_v1",
    "faster_rcnn_inception_v2",
    "ssd_inception_v2",
    "ssd_mobilenet_v1",
    "ssd_mobilenet_v1_fpn",
    "ssd_mobilenet_v1_training",
    "ssd_mobilenet_v2",
    "ssd_mobilenet_v2_fpnlite",
    "ssdlite_mobilenet_v2",
)
BUILT = (
    "faster_rcnn_resnet50",
    "ssd_mobilenet_v1_ppn",
    "ssd_mobilenet_v1_shared_predictor",
    "ssd_mobilenet_v2_fpnlite_fine",
    "ssdlite_mobilenet_edgetpu",
    "ssdlite_mobilenet_v3_small",
)
SSD = "model { ssd { %s } }"


def of_tf1(name: str) -> CheckpointFacts:
    folder = DATA / "tf1_15" / name
    if not folder.is_dir():
        pytest.skip(f"test data absent: {folder}")
    return read_checkpoint_facts(folder)


def config_of(facts: CheckpointFacts) -> Any:
    """A copy of the config that the checkpoint was trained with."""
    assert facts.original is not None
    copy = type(facts.original)()
    copy.CopyFrom(facts.original)
    return copy


def of_the_zoo(listing: str, sample: str) -> tuple[Any, dict[str, tuple[int, ...]]]:
    """A sample's config, and shapes by name of a checkpoint of the zoo."""
    file = DATA / "zoo_variables" / f"{listing}.tsv"
    path = DATA / "configs/upstream/samples/configs" / f"{sample}.config"
    if not (file.is_file() and path.is_file()):
        pytest.skip(f"test data absent: {DATA}")
    rows = [line.split("\t") for line in file.read_text().splitlines()[1:]]
    shapes = {row[0]: tuple(int(side) for side in row[1].split("x") if side.isdigit()) for row in rows}
    config = parse_pipeline_config(path.read_text(), sample)
    return config, shapes


@pytest.mark.parametrize("name", WRITTEN_BY_TF1)
def test_a_checkpoint_fits_its_own_config_and_no_other(name: str, problems_of: ProblemsOf) -> None:
    facts = of_tf1(name)
    assert problems_of(RULES, config_of(facts), checkpoint=facts) == []
    alike = {"ssd_mobilenet_v1", "ssd_mobilenet_v1_training"}
    for other in WRITTEN_BY_TF1:
        if other != name and not {name, other} <= alike:
            found = problems_of(RULES, config_of(of_tf1(other)), checkpoint=facts)
            assert found and {code for code, _ in found} == {"CFG030"}, other


@pytest.mark.parametrize("name", BUILT)
def test_a_model_fits_its_own_config(name: str, problems_of: ProblemsOf) -> None:
    config = parse_pipeline_config(CONFIGS[name], name)
    model = build_native(config.model)
    shapes = {tf1_name(v.path, model.name): tuple(v.shape) for v in model.weights}
    assert problems_of(RULES, config, checkpoint=checkpoint(shapes)) == []
    found = problems_of(
        RULES, parse_pipeline_config(CONFIGS["ssd_inception_v2"], "c"), checkpoint=checkpoint(shapes)
    )
    assert [problem.field for _, problem in found] == ["model.ssd.feature_extractor.type"]


@pytest.mark.parametrize(
    ("of", "text", "field", "message"),
    [
        (
            "ssd_mobilenet_v1",
            "feature_extractor { type: 'ssd_mobilenet_v2' }",
            "feature_extractor.type",
            "the checkpoint has the backbone MobilenetV1, but ssd_mobilenet_v2 has MobilenetV2",
        ),
        (
            "ssd_mobilenet_v1_fpn",
            "feature_extractor { type: 'ssd_mobilenet_v1' }",
            "feature_extractor.type",
            "the checkpoint has a feature pyramid, ssd_mobilenet_v1 has none",
        ),
        (
            "ssd_mobilenet_v1",
            "feature_extractor { type: 'ssd_mobilenet_v1_fpn' }",
            "feature_extractor.type",
            "the checkpoint has no feature pyramid, ssd_mobilenet_v1_fpn has one",
        ),
        (
            "ssd_mobilenet_v1",
            "feature_extractor { type: 'ssd_mobilenet_v1_ppn' }",
            "feature_extractor.type",
            "has convolutions for the smaller feature maps, ssd_mobilenet_v1_ppn pools them",
        ),
        (
            "ssd_mobilenet_v1",
            "feature_extractor { depth_multiplier: 1 }",
            "feature_extractor.depth_multiplier",
            "channels, but depth_multiplier 1",
        ),
        (
            "ssd_mobilenet_v2",
            "feature_extractor { use_depthwise: true }",
            "feature_extractor.use_depthwise",
            "smaller feature maps come from plain convolutions",
        ),
        (
            "ssdlite_mobilenet_v2",
            "box_predictor { convolutional_box_predictor { use_depthwise: false } }",
            "box_predictor.convolutional_box_predictor.use_depthwise",
            "box predictor has depthwise separable convolutions, the config's plain convolutions",
        ),
        (
            "ssd_mobilenet_v1",
            "box_predictor { weight_shared_convolutional_box_predictor { depth: 8 } }",
            "box_predictor",
            "has a convolutional_box_predictor, the config weight_shared_convolutional_box_predictor",
        ),
        (
            "ssd_mobilenet_v1",
            "anchor_generator { ssd_anchor_generator { reduce_boxes_in_lowest_layer: false } }",
            "anchor_generator",
            "the checkpoint has 3 anchors in a cell of feature map 0, the config",
        ),
    ],
)
def test_another_option_is_named(
    of: str, text: str, field: str, message: str, problems_of: ProblemsOf
) -> None:
    facts = of_tf1(of)
    ((code, problem),) = problems_of(RULES, config_of(facts), SSD % text, checkpoint=facts)
    assert (code, problem.severity, problem.field) == ("CFG030", "error", f"model.ssd.{field}")
    assert message in problem.message


def test_the_other_meta_architecture(problems_of: ProblemsOf) -> None:
    facts = of_tf1("faster_rcnn_inception_v2")
    config = config_of(of_tf1("ssd_inception_v2"))
    ((_, problem),) = problems_of(RULES, config, checkpoint=facts)
    assert problem.message == "the checkpoint is of faster_rcnn, the config of ssd"


def test_masks_that_the_checkpoint_lacks(problems_of: ProblemsOf) -> None:
    facts = of_tf1("faster_rcnn_inception_v2")
    text = "second_stage_box_predictor { mask_rcnn_box_predictor { predict_instance_masks: true } }"
    config = config_of(facts)
    ((_, problem),) = problems_of(RULES, config, f"model {{ faster_rcnn {{ {text} }} }}", checkpoint=facts)
    assert problem.message == "the checkpoint predicts no masks, the config does"


@pytest.mark.parametrize(
    ("listing", "sample"),
    [
        ("faster_rcnn_inception_v2_coco_2018_01_28", "faster_rcnn_inception_v2_coco"),
        ("ssd_inception_v2_coco", "ssd_inception_v2_coco"),
        (
            "ssd_mobilenet_v1_0.75_depth_quantized_300x300_coco14_sync_2018_07_18",
            "ssd_mobilenet_v1_0.75_depth_quantized_300x300_coco14_sync",
        ),
        ("ssd_mobilenet_v1_coco_2018_01_28", "ssd_mobilenet_v1_coco"),
        ("ssd_mobilenet_v1_fpn", "ssd_mobilenet_v1_fpn_shared_box_predictor_640x640_coco14_sync"),
        ("ssdlite_mobilenet_v2_coco_2018_05_09", "ssdlite_mobilenet_v2_coco"),
        ("training_faster_rcnn_resnet101_momentum", "faster_rcnn_resnet101_coco"),
        ("training_ssd_mobilenet_v1_rmsprop", "ssd_mobilenet_v1_coco"),
    ],
)
def test_checkpoints_of_the_zoo_fit_the_samples(listing: str, sample: str, problems_of: ProblemsOf) -> None:
    config, shapes = of_the_zoo(listing, sample)
    assert problems_of(RULES, config, checkpoint=checkpoint(shapes)) == []
    if "0.75" in sample:
        config.model.ssd.feature_extractor.depth_multiplier = 1.0
        ((_, problem),) = problems_of(RULES, config, checkpoint=checkpoint(shapes))
        assert problem.fix == "depth_multiplier: 0.75"


def test_the_sample_of_mobilenet_v2_is_not_the_zoos(problems_of: ProblemsOf) -> None:
    """The zoo's smaller feature maps were trained with use_depthwise, which the sample lacks."""
    config, shapes = of_the_zoo("ssd_mobilenet_v2_coco_2018_03_29", "ssd_mobilenet_v2_coco")
    ((_, problem),) = problems_of(RULES, config, checkpoint=checkpoint(shapes))
    assert (problem.field, problem.fix) == (
        "model.ssd.feature_extractor.use_depthwise",
        "use_depthwise: true",
    )
    config.model.ssd.feature_extractor.use_depthwise = True
    assert problems_of(RULES, config, checkpoint=checkpoint(shapes)) == []


def test_a_classifier_is_compared_by_its_backbone(problems_of: ProblemsOf) -> None:
    config = parse_pipeline_config(CONFIGS["ssd_mobilenet_v1"], "c")
    shapes = {"MobilenetV1/Conv2d_0/weights": (3, 3, 3, 8), "MobilenetV1/Logits/Conv2d_1c_1x1/weights": (1,)}
    facts = checkpoint(shapes, kind="classification")
    assert problems_of(RULES, config, checkpoint=facts) == []
    ((_, problem),) = problems_of(
        RULES, config, SSD % "feature_extractor { depth_multiplier: 1 }", checkpoint=facts
    )
    assert problem.field.endswith("depth_multiplier")
    config = parse_pipeline_config(CONFIGS["ssd_mobilenet_v2"], "c")
    ((_, problem),) = problems_of(RULES, config, checkpoint=facts)
    assert (
        problem.message == "the checkpoint has the backbone MobilenetV1, but ssd_mobilenet_v2 has MobilenetV2"
    )


def test_every_native_architecture_has_a_backbone(problems_of: ProblemsOf) -> None:
    for extractor in NATIVE:
        kind = "faster_rcnn" if extractor.startswith("faster_rcnn") else "ssd"
        text = f"model {{ {kind} {{ feature_extractor {{ type: '{extractor}' }} }} }}"
        config = parse_pipeline_config(text, "c")
        assert architecture_of(config.model) == extractor
        found = problems_of(RULES, config, checkpoint=checkpoint({"NasNet/x": (1,)}, kind="classification"))
        assert found == []  # a backbone that is not known says nothing


def test_without_a_checkpoint_nothing_is_said(config: Any, problems_of: ProblemsOf) -> None:
    assert problems_of(RULES, config) == []
    text_format.Merge("model { ssd { feature_extractor { type: 'ssd_mobiledet_cpu' } } }", config)
    assert problems_of(RULES, config, checkpoint=checkpoint({"FeatureExtractor/MobilenetV1/a": (1,)})) == []
