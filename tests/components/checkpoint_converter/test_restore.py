from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from components.checkpoint_converter.class_rows import match_classes
from components.checkpoint_converter.restore import (
    count_blocks,
    dropped,
    require_complete,
    require_finite,
    require_no_leftovers,
    restore,
)
from components.checkpoint_converter.reverse import write_tf1_checkpoint
from components.checkpoint_converter.sources import read_checkpoint
from detection.builder import build_detector
from detection.errors import BadInput

NAME = "ssdlite_mobilenet_v2"
HEAD = "BoxPredictor_0/ClassPredictor/weights"


@pytest.fixture
def variables(tf1_folder):
    return read_checkpoint(tf1_folder(NAME))


def test_every_variable_is_loaded_with_its_own_value(tf1_config, variables):
    model = build_detector(tf1_config(NAME).model)
    restored = restore(model, variables)
    assert sorted(variable.name for variable in restored.loaded) == sorted(variables)
    assert all(variable.hash_before == variable.hash_after for variable in restored.loaded)
    assert (restored.fresh, restored.missing) == ((), {})
    assert [variable.name for variable in dropped(variables, restored)] == ["global_step"]
    blocks = count_blocks(list(restored.loaded))
    assert {block.block: (block.wanted, block.loaded) for block in blocks} == {
        "backbone": (260, 260),
        "feature_maps": (60, 60),
        "box_head": (42, 42),
        "class_head": (42, 42),
    }
    kernel = next(w for w in model.weights if w.path.endswith("expanded_conv_3/depthwise/depthwise_kernel"))
    expected = variables["FeatureExtractor/MobilenetV2/expanded_conv_3/depthwise/depthwise_weights"]
    np.testing.assert_array_equal(kernel.numpy(), expected)
    require_complete(restored, "here")


def test_other_classes_start_from_a_fresh_class_predictor_and_nothing_else(tf1_config, variables):
    model = build_detector(tf1_config(NAME).model, num_classes=7)
    before = {weight.path: weight.numpy() for weight in model.weights}
    restored = restore(model, variables, match_classes(None, None, 4, 7))
    assert len(restored.loaded) == 404 - 12
    assert len(restored.fresh) == 12
    assert all("/ClassPredictor/" in variable.name for variable in restored.fresh)
    assert restored.missing == {}
    head = next(
        weight for weight in model.weights if weight.path.endswith("BoxPredictor_0/ClassPredictor/kernel")
    )
    assert head.shape[-1] == 3 * 8
    rows, initial = (value.reshape(-1, 3, 8) for value in (head.numpy(), before[head.path]))
    np.testing.assert_array_equal(rows[..., 1:], initial[..., 1:])
    np.testing.assert_array_equal(rows[..., 0], variables[HEAD].reshape(-1, 3, 5)[..., 0])  # background
    head = rows[..., 1:]
    assert 0 < np.abs(head).max() <= 2 * 0.03 + 1e-6  # truncated normal of the config's stddev
    require_complete(restored, "here")


def test_a_config_of_another_width_is_refused(tf1_config, variables):
    config = tf1_config(NAME)
    config.model.ssd.feature_extractor.depth_multiplier = 0.5
    restored = restore(build_detector(config.model), variables)
    with pytest.raises(
        BadInput, match=r"variables of the model found no value \(loaded: backbone \d+/260"
    ) as error:
        require_complete(restored, "model.ckpt")
    assert "shape (1, 1, 48, 8) in the checkpoint, (1, 1, 48, 16) in the model" in error.value.what
    assert error.value.where == "model.ckpt"


def test_a_variable_that_the_checkpoint_lacks_is_named(tf1_config, variables):
    values = {name: array for name, array in variables.items() if name != HEAD}
    restored = restore(build_detector(tf1_config(NAME).model), values)
    wanted = f"1 variables .* class_head 41/42.*first {HEAD}: not in the checkpoint"
    with pytest.raises(BadInput, match=wanted):
        require_complete(restored, "model.ckpt")


def test_random_numbers_of_dropout_are_no_variables_of_the_model(tf1_config, variables):
    config = tf1_config(NAME)
    config.model.ssd.box_predictor.convolutional_box_predictor.use_dropout = True
    assert len(restore(build_detector(config.model), variables).loaded) == 404


def test_the_network_s_moving_averages_go_on(tmp_path):
    own, other = "net/concat/net/concat/min/biased", "net/BatchNorm/moving_mean/local_step"
    held = {"net/weights": np.zeros(2, np.float32), own: np.float32(-0.3), other: np.float32(7)}
    write_tf1_checkpoint(held, tmp_path / "model.ckpt")
    variables = read_checkpoint(tmp_path / "model.ckpt")
    assert set(variables) == {"net/weights"} and {own, other} < set(variables.ignored)
    average, absent = tf.Variable(0.0), tf.Variable(0.0)
    unread = {own: average, "net/concat/net/concat/max/biased": absent}
    model = SimpleNamespace(weights=[], name="model", unread_variables=lambda: unread)
    restored = restore(model, variables)
    assert [variable.name for variable in restored.loaded] == [own]
    assert (average.numpy(), absent.numpy()) == (np.float32(-0.3), 0)
    assert [variable.name for variable in dropped(variables, restored)] == [
        "net/weights",
        "global_step",
        other,
    ]


def test_values_of_another_type_are_not_rounded_in_silence(tf1_config, variables):
    wide = replace(variables, arrays=dict(variables.arrays) | {HEAD: variables[HEAD].astype(np.float64)})
    restored = restore(build_detector(tf1_config(NAME).model), wide)
    assert restored.missing == {HEAD: "float64 in the checkpoint, float32 in the model"}


@pytest.mark.parametrize("number", [np.nan, -np.inf])
def test_numbers_that_are_not_finite_are_refused(tf1_config, variables, number):
    detector = build_detector(tf1_config(NAME).model)
    restore(detector, variables)
    require_finite(detector, "here")
    broken = variables[HEAD].copy()
    broken[0, 0, 0, 0] = number
    restore(detector, replace(variables, arrays=dict(variables.arrays) | {HEAD: broken}))
    with pytest.raises(BadInput, match=f"1 variables hold numbers that are not finite .* {HEAD}"):
        require_finite(detector, "here")


def test_heads_that_the_model_has_not_are_an_error(tf1_config, variables):
    """A config with a layer less is of another model, and so is TF1's graph of it: no proof tells."""
    config = tf1_config(NAME)
    config.model.ssd.feature_extractor.num_layers = 5
    config.model.ssd.anchor_generator.ssd_anchor_generator.num_layers = 5
    restored = restore(build_detector(config.model), variables)
    require_complete(restored, "here")
    with pytest.raises(BadInput, match=r"feature_maps, \d+ of box_head, \d+ of class_head") as error:
        require_no_leftovers(variables, restored)
    assert "the number of layers" in error.value.fix


def test_a_backbone_may_hold_more_than_is_read(tf1_config, variables):
    more = dict(variables.arrays) | {"FeatureExtractor/MobilenetV2/Conv_2/weights": np.zeros(3, np.float32)}
    held = replace(variables, arrays=more)
    require_no_leftovers(held, restore(build_detector(tf1_config(NAME).model), held))
