"""Which floats a training computes in, and that what it keeps is float32."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import pytest
import tensorflow as tf

from components.trainer.loss_scale import LossScale
from components.trainer.options import TrainOptions
from components.trainer.precision import choose_policy, computing_in
from detection.config.pipeline_config import parse_pipeline_config
from detection.errors import BadInput

if TYPE_CHECKING:
    from conftest import Training

RESNET = 'model { ssd { feature_extractor { type: "ssd_resnet50_v1_fpn" } } }'
MOBILENET = 'model { ssd { feature_extractor { type: "ssd_mobilenet_v2" } } }'


@pytest.mark.parametrize(
    ("wanted", "capabilities", "text", "policy"),
    [
        ("auto", (), RESNET, "float32"),
        ("auto", ((9, 0),), RESNET, "float32"),
        ("auto", ((7, 5),), RESNET, "mixed_float16"),
        ("auto", ((7, 5),), MOBILENET, "float32"),
        ("auto", ((6, 1),), RESNET, "float32"),
        ("auto", ((7, 0), (8, 0)), RESNET, "mixed_float16"),
        ("float32", ((7, 5),), RESNET, "float32"),
        ("mixed", (), RESNET, "mixed_bfloat16"),
        ("mixed", ((8, 6),), MOBILENET, "mixed_bfloat16"),
        ("mixed", ((7, 5),), MOBILENET, "mixed_float16"),
    ],
)
def test_precision_follows_the_option_and_the_slowest_gpu(
    wanted: str, capabilities: tuple[tuple[int, int], ...], text: str, policy: str
) -> None:
    config = parse_pipeline_config(text, "tests").model
    assert choose_policy(wanted, capabilities, config) == policy


def test_mixed_where_it_gains_nothing_is_refused() -> None:
    config = parse_pipeline_config(RESNET, "tests").model
    with pytest.raises(BadInput, match="compute capability 6.1") as error:
        choose_policy("mixed", ((6, 1),), config)
    assert error.value.where == "train.precision"


def test_the_policy_is_the_former_one_again_after_an_error() -> None:
    with pytest.raises(KeyError), computing_in("mixed_float16"):
        assert keras.layers.Dense(1).compute_dtype == "float16"
        raise KeyError
    assert keras.layers.Dense(1).compute_dtype == "float32"


def test_the_scale_is_halved_by_an_overflow_and_doubled_after_2000_steps() -> None:
    optimizer = keras.optimizers.SGD(0.1)
    scale = LossScale(optimizer)
    assert [variable.path for variable in optimizer.variables[-2:]] == [
        scale.scale.path,
        scale.finite_steps.path,
    ]
    finite, infinite = tf.constant(1.0), tf.constant(math.inf)
    assert scale.is_too_large(finite, infinite) and scale.is_too_large(finite, tf.constant(math.nan))
    assert not scale.is_too_large(finite, finite) and not scale.is_too_large(infinite, infinite)
    scale.shrink()
    assert float(scale.scale) == 2.0**14
    scale.finite_steps.assign(1998.0)
    scale.grow()
    assert float(scale.scale) == 2.0**14
    scale.grow()
    assert (float(scale.scale), float(scale.finite_steps)) == (2.0**15, 0.0)
    scale.scale.assign(1.0)
    assert not scale.is_too_large(finite, infinite)


@pytest.mark.slow
def test_mixed_training_keeps_and_exports_float32(training: Training, tmp_path: Path) -> None:
    result = training.run(tmp_path, TrainOptions(steps=2, precision="mixed"))
    assert result.steps == 2 and result.device == "CPU, mixed_bfloat16"
    assert all(math.isfinite(row["loss"]) for row in result.history)
    assert keras.config.dtype_policy().name == "float32"
    served = tf.saved_model.load(str(tmp_path / "saved_model")).signatures["serving_default"]
    kinds = {node.attr["T"].type for node in served.graph.as_graph_def().node if node.op == "Conv2D"}
    assert kinds <= {tf.float32.as_datatype_enum}
