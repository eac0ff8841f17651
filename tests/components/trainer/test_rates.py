"""Which part of the learning rate each variable gets, from the conversion's report and the options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
import pytest

from components.checkpoint_converter.class_rows import match_classes
from components.trainer.conversion import read_conversion
from components.trainer.devices import select_devices
from components.trainer.options import Block, TrainOptions, Unfreezing
from components.trainer.rates import Restored, VariableRate, blocks_of, variable_rates, what_was_restored
from components.trainer.setup import build_trainer
from detection.blocks import BLOCKS, block_of
from detection.builder import build_detector
from detection.config.label_map import parse_label_map
from detection.detector import Detector
from detection.errors import BadInput
from detection.tf1.names import tf1_name

if TYPE_CHECKING:
    from conftest import Training

MAP = "item { id: 1 name: 'red' } item { id: 2 name: 'green' }"
HEADS = ("BoxPredictor_0/ClassPredictor/weights", "BoxPredictor_0/ClassPredictor/biases")


@pytest.fixture(scope="module")
def detector(training: Training) -> Detector:
    return build_detector(training.config.model)


def write_report(converted: Path, detector: Detector, fresh: tuple[str, ...]) -> None:
    """report.json as the conversion writes it, with `fresh` variables and all others loaded."""
    names = [tf1_name(variable.path, detector.name) for variable in detector.variables]
    assert set(fresh) <= set(names)
    common = {"block": "-", "reason": "-", "hash_before": None, "hash_after": None}
    report = {
        "source": "model.ckpt",
        "kind": "checkpoint",
        "architecture": "ssd_mobilenet_v1",
        "num_classes_checkpoint": 1,
        "num_classes_model": 2,
        "class_head": {
            "how": "fresh",
            "classes_before": 1,
            "classes_after": 2,
            "rows": [],
            "left_behind": [],
        },
        "blocks": [],
        "variables_total": len(names),
        "variables_loaded": len(names) - len(fresh),
        "variables": [common | {"name": n, "state": "fresh" if n in fresh else "loaded"} for n in names],
        "notes": [],
        "proof": None,
        "seconds": 1.0,
    }
    converted.mkdir(parents=True, exist_ok=True)
    (converted / "report.json").write_text(json.dumps(report))


def factors(detector: Detector, options: TrainOptions, fresh: tuple[str, ...] = HEADS) -> dict[str, float]:
    """Factors by TF1 name."""
    trained = detector.trainable_variables
    rates = variable_rates(detector, trained, options, Restored(frozenset(fresh)))
    return {tf1_name(variable.path, detector.name): rates[variable.path].factor for variable in trained}


def test_what_was_restored_is_in_the_report(detector: Detector, tmp_path: Path) -> None:
    assert what_was_restored(None, {1: 5}) == Restored()
    write_report(tmp_path, detector, HEADS)
    known = what_was_restored(read_conversion(tmp_path), {1: 5, 2: 0})
    assert known.fresh == frozenset(HEADS) and known.shown == {1}
    assert known.head is not None and known.head.how == "fresh"


def test_what_was_restored_trains_slower_beside_fresh_heads(detector: Detector) -> None:
    found = factors(detector, TrainOptions(restored_rate=0.2))
    assert {name for name, factor in found.items() if factor == 1.0} == set(HEADS)
    assert set(found.values()) == {0.2, 1.0}


@pytest.mark.parametrize("fresh", [(), ("BoxPredictor_0/Frozen/weights",)])
def test_with_nothing_fresh_all_train_at_the_full_rate(detector: Detector, fresh: tuple[str, ...]) -> None:
    assert set(factors(detector, TrainOptions(restored_rate=0.2), fresh).values()) == {1.0}


def test_blocks_have_their_own_factor(detector: Detector) -> None:
    options = TrainOptions(restored_rate=0.2, block_rates={"backbone": 0.05, "class_head": 2.0})
    found = factors(detector, options)
    assert found["FeatureExtractor/MobilenetV1/Conv2d_0/weights"] == 0.05
    assert found["BoxPredictor_0/BoxEncodingPredictor/weights"] == 0.2
    assert found["BoxPredictor_0/ClassPredictor/weights"] == 2.0  # fresh
    assert found["BoxPredictor_1/ClassPredictor/weights"] == 2.0  # restored
    assert factors(detector, TrainOptions(block_rates={"backbone": 0.05}), ())[
        "FeatureExtractor/MobilenetV1/Conv2d_0/weights"
    ] == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("options", "what", "where", "fix"),
    [
        (
            TrainOptions(block_rates={"fpn": 0.5}),
            "trains no fpn",
            "train.block_rates",
            "the blocks it trains are: backbone, feature_maps, box_head, class_head",
        ),
        (
            TrainOptions(unfreeze=[Unfreezing(step=3, blocks=["rpn"])]),
            "trains no rpn",
            "train.unfreeze",
            "backbone, feature_maps",
        ),
        (
            TrainOptions(
                unfreeze=[
                    Unfreezing(step=3, blocks=["backbone"]),
                    Unfreezing(step=5, blocks=["box_head", "backbone"]),
                ]
            ),
            "backbone starts to train twice, after steps 3 and 5",
            "train.unfreeze",
            "once",
        ),
        (
            TrainOptions(unfreeze=[Unfreezing(step=3, blocks=["backbone", "backbone"])]),
            "backbone starts to train twice",
            "train.unfreeze",
            "once",
        ),
        (
            TrainOptions(
                unfreeze=[
                    Unfreezing(step=3, blocks=["backbone", "feature_maps"]),
                    Unfreezing(step=2, blocks=["box_head", "class_head"]),
                ]
            ),
            "nothing would train in the first 2 steps",
            "train.unfreeze",
            "a head for example",
        ),
    ],
)
def test_contradictions_are_bad_input(
    detector: Detector, options: TrainOptions, what: str, where: str, fix: str
) -> None:
    with pytest.raises(BadInput, match=what) as error:
        factors(detector, options)
    assert error.value.where == where and fix in error.value.fix


def test_options_name_every_block_that_the_conversion_does() -> None:
    assert get_args(Block) == BLOCKS


def test_blocks_are_those_that_train(detector: Detector) -> None:
    heads = [variable for variable in detector.trainable_variables if "BoxPredictor" in variable.path]
    assert list(blocks_of(detector, heads)) == ["box_head", "class_head"]
    with pytest.raises(BadInput, match="trains no backbone"):
        variable_rates(detector, heads, TrainOptions(block_rates={"backbone": 0.5}), Restored())


def head_rates(detector: Detector, options: TrainOptions, known: Restored) -> dict[str, VariableRate]:
    """Of the heads of the first feature map, by TF1 name."""
    rates = variable_rates(detector, detector.trainable_variables, options, known)
    names = {path: tf1_name(path, detector.name) for path in rates}
    return {names[path]: rate for path, rate in rates.items() if names[path].startswith("BoxPredictor_0/")}


def test_rows_of_a_class_head_train_as_what_they_start_from(detector: Detector) -> None:
    weights = "BoxPredictor_0/ClassPredictor/weights"
    old = parse_label_map("item { id: 1 name: 'green' }", "")
    partly = match_classes(old, parse_label_map(MAP, ""), 1, 2)
    fresh = frozenset(HEADS)

    def entries(options: TrainOptions, known: Restored) -> tuple[float, ...]:
        found = head_rates(detector, options, known)
        assert found["BoxPredictor_0/BoxEncodingPredictor/weights"].entries == ()
        return found[weights].entries

    quarter = TrainOptions(restored_rate=0.25)
    both, red = frozenset({1, 2}), frozenset({1})
    # background, red, green of the three anchors at each place; red is new
    assert entries(quarter, Restored(fresh, partly, both)) == (0.25, 1.0, 0.25) * 3
    assert entries(quarter, Restored(fresh, partly, red)) == (0.25, 1.0, 0.0) * 3
    # nothing is fresh: what the data shows trains at the full rate, the rest is held as well
    same = match_classes(parse_label_map(MAP, ""), parse_label_map(MAP, ""), 2, 2)
    assert entries(quarter, Restored(frozenset(), same, both)) == ()
    assert entries(quarter, Restored(frozenset(), same, red)) == (1.0, 1.0, 0.0) * 3
    # whoever asks for a full rate has it
    assert entries(TrainOptions(restored_rate=1.0), Restored(fresh, partly, red)) == ()
    assert entries(TrainOptions(block_rates={"class_head": 0.5}), Restored(fresh, partly, red)) == ()
    none = match_classes(parse_label_map(MAP, ""), parse_label_map("item { id: 1 name: 'x' }", ""), 2, 1)
    assert entries(quarter, Restored(fresh, none, red)) == ()


def test_a_step_of_the_training_has_the_factors(training: Training, tmp_path: Path) -> None:
    options = TrainOptions(block_rates={"backbone": 0.25})
    job = training.job(tmp_path, options)
    trainer = build_trainer(job, select_devices(options))
    before = [variable.numpy() for variable in trainer.trained]
    trainer.train_step(next(iter(job.training_batches(trainer.detector))))
    moved = set()
    for variable, old, accumulator in zip(
        trainer.trained, before, trainer.optimizer.accumulators, strict=True
    ):
        # the config's momentum and rate; the first step's accumulator is the gradient
        factor = 0.25 if block_of(tf1_name(variable.path, trainer.detector.name)) == "backbone" else 1.0
        expected = old - np.float32(factor * 0.003) * accumulator.numpy()
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-5, atol=1e-7, err_msg=variable.path)
        if accumulator.numpy().any():
            moved.add(factor)
    assert moved == {0.25, 1.0}
