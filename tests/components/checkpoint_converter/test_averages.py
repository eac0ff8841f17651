from __future__ import annotations

import numpy as np
import pytest

from components.checkpoint_converter.averages import choose_weights
from components.checkpoint_converter.sources import TF1Variables, read_checkpoint
from detection.config.pipeline_config import parse_pipeline_config
from detection.errors import BadInput

KERNEL = "FeatureExtractor/MobilenetV1/Conv2d_0/weights"
VARIANCE = "FeatureExtractor/MobilenetV1/Conv2d_0/BatchNorm/moving_variance"


def config(use_moving_averages: bool):
    text = f"model {{ ssd {{ }} }} eval_config {{ use_moving_averages: {str(use_moving_averages).lower()} }}"
    return parse_pipeline_config(text, "pipeline.config")


def checkpoint(averages: bool = True, kind: str = "checkpoint", **more: str) -> TF1Variables:
    arrays = {KERNEL: np.zeros(3), VARIANCE: np.ones(3), "box/weights": np.zeros(2)}
    shadows = {KERNEL: np.full(3, 5.0)} if averages else {}
    ignored = {f"{KERNEL}/RMSProp": "optimizer slot"} | more
    return TF1Variables(arrays, kind, "model.ckpt", None, shadows, ignored)


@pytest.mark.parametrize(
    ("in_config", "weights", "averaged"),
    [
        (True, "config", True),
        (False, "config", False),
        (False, "averages", True),
        (True, "raw", False),
    ],
)
def test_the_option_goes_over_the_config(in_config, weights, averaged):
    chosen, used, _ = choose_weights(checkpoint(), config(in_config), weights)
    assert used is averaged
    assert chosen[KERNEL][0] == (5 if averaged else 0)
    assert chosen[VARIANCE][0] == 1
    assert chosen.averages == {}
    left = KERNEL if averaged else f"{KERNEL}/ExponentialMovingAverage"
    assert left in chosen.ignored


def test_averages_that_are_not_there():
    with pytest.raises(BadInput, match="holds no moving averages"):
        choose_weights(checkpoint(averages=False), config(False), "averages")
    chosen, used, notes = choose_weights(checkpoint(averages=False), config(True), "config")
    assert not used and chosen[KERNEL][0] == 0
    assert "holds none: raw values were taken" in notes[0]


def test_a_trained_variable_without_its_average_is_not_mixed_in():
    more = {"box/weights/RMSProp": "optimizer slot"}
    with pytest.raises(BadInput, match="1 trained variables have no moving average, such as box/weights"):
        choose_weights(checkpoint(**more), config(True), "config")
    chosen, _, _ = choose_weights(checkpoint(**more), config(True), "raw")
    assert chosen[KERNEL][0] == 0


def _without_slots() -> TF1Variables:
    source = checkpoint()
    return TF1Variables(source.arrays, source.kind, source.path, None, source.averages, {})


def test_what_was_trained_is_known_without_optimizer_slots_too():
    with pytest.raises(BadInput, match="1 trained variables have no moving average, such as box/w") as error:
        choose_weights(_without_slots(), config(True), "config")
    assert "name what was frozen in train_config.freeze_variables" in error.value.fix
    chosen, used, _ = choose_weights(_without_slots(), config(True), "raw")
    assert not used and chosen[KERNEL][0] == 0


@pytest.mark.parametrize("field", ["freeze_variables", "update_trainable_variables"])
def test_what_was_frozen_needs_no_average(field):
    frozen = config(True)
    getattr(frozen.train_config, field).append("box/" if field == "freeze_variables" else "FeatureExtractor")
    chosen, used, _ = choose_weights(_without_slots(), frozen, "config")
    assert used and chosen[KERNEL][0] == 5


def test_a_pattern_that_is_no_regular_expression():
    wrong = config(True)
    wrong.train_config.freeze_variables.append("box/(")
    with pytest.raises(BadInput, match=r"'box/\(' is no regular expression"):
        choose_weights(_without_slots(), wrong, "config")


def test_a_frozen_graph_has_one_set():
    frozen = checkpoint(averages=False, kind="frozen_graph")
    assert choose_weights(frozen, config(False), "config")[1:] == (False, [])
    with pytest.raises(BadInput, match="an exported model holds one set"):
        choose_weights(frozen, config(False), "raw")


def test_a_real_training_checkpoint_has_every_average(tf1_folder, tf1_config):
    name = "ssd_mobilenet_v1_training"
    source = read_checkpoint(tf1_folder(name))
    chosen, used, notes = choose_weights(source, tf1_config(name), "config")
    assert used and notes == ["129 variables take their moving average"]
    raw, _, _ = choose_weights(source, tf1_config(name), "raw")
    assert sorted(raw) == sorted(chosen)
    different = {name for name in raw if not np.array_equal(raw[name], chosen[name])}
    assert different <= set(source.averages) and len(different) > 100
