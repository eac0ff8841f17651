"""TF2's models: which of them a TF1 model computes, and what is said of the others."""

from __future__ import annotations

import pytest

from detection.config.architectures import NATIVE
from detection.config.keras_twins import (
    DIFFERENCES,
    SAME_FUNCTION,
    SUFFIX,
    difference,
    in_tf1_terms,
    in_tf2_terms,
    is_twin,
    tf1_type,
)
from detection.config.pipeline_config import parse_pipeline_config
from detection.errors import BadInput


def _config(extractor: str, kind: str = "ssd", options: str = "depth_multiplier: 1"):
    options = options if kind == "ssd" else ""
    return parse_pipeline_config(
        f'model {{ {kind} {{ num_classes: 3 feature_extractor {{ type: "{extractor}" {options} }} }} }}', "c"
    )


def test_the_types_of_the_tables():
    assert set(SAME_FUNCTION.values()) <= set(NATIVE)
    assert not SAME_FUNCTION.keys() & DIFFERENCES.keys()
    assert all(name.endswith(SUFFIX) for name in (*SAME_FUNCTION, *DIFFERENCES))


@pytest.mark.parametrize(("twin", "tf1"), SAME_FUNCTION.items())
def test_a_config_in_the_terms_of_tf1_and_back(twin, tf1):
    given = _config(twin)
    translated = in_tf1_terms(given)
    assert is_twin(given.model) and not is_twin(translated.model)
    assert translated.model.ssd.feature_extractor.type == tf1 == tf1_type(twin)
    assert given.model.ssd.feature_extractor.type == twin
    assert in_tf2_terms(translated) == given


def test_a_config_of_tf1_is_as_it_was():
    config = _config("ssd_inception_v2")
    assert in_tf1_terms(config) is config
    with pytest.raises(BadInput, match="no such model"):
        in_tf2_terms(config)


@pytest.mark.parametrize(
    ("twin", "options", "reason"),
    [
        ("ssd_mobilenet_v1_keras", "depth_multiplier: 0.5", "applies a depth_multiplier twice"),
        ("ssd_mobilenet_v2_keras", "depth_multiplier: 0.5 min_depth: 16", "lacks the first residual"),
        ("ssd_mobilenet_v2_keras", "depth_multiplier: 1 min_depth: 32", "lacks the first residual"),
        ("ssd_mobilenet_v2_keras", "depth_multiplier: 0.5 min_depth: 8", None),
        ("ssd_mobilenet_v2_keras", "depth_multiplier: 0.75 min_depth: 16", None),
        ("ssd_mobilenet_v2_keras", "depth_multiplier: 1.4 min_depth: 16", "keeps its 1280 channels"),
    ],
)
def test_options_under_which_the_function_is_another(twin, options, reason):
    assert (difference(_config(twin, options=options).model) is None) == (reason is None)
    if reason is not None:
        with pytest.raises(BadInput, match=reason):
            in_tf1_terms(_config(twin, options=options))


@pytest.mark.parametrize(
    ("twin", "kind", "reason"),
    [
        ("ssd_mobilenet_v1_fpn_keras", "ssd", "carries each smoothed map down"),
        ("ssd_mobilenet_v2_fpn_keras", "ssd", "1280 channels"),
        ("ssd_resnet50_v1_fpn_keras", "ssd", "clips its units"),
        ("faster_rcnn_resnet101_keras", "faster_rcnn", "halves the crops"),
        ("faster_rcnn_inception_resnet_v2_keras", "faster_rcnn", "0.059"),
        ("faster_rcnn_resnet50_fpn_keras", "faster_rcnn", "no such model"),
        ("ssd_efficientnet-b0_bifpn_keras", "ssd", "no such model"),
    ],
)
def test_a_model_that_computes_something_else(twin, kind, reason):
    with pytest.raises(BadInput, match=reason) as error:
        in_tf1_terms(_config(twin, kind))
    assert twin in error.value.what
    assert error.value.where == f"model.{kind}.feature_extractor"
    assert "TF1 checkpoint" in error.value.fix
    assert "the nearest that TF1 has is " in error.value.fix
