"""Every setting of a training is told with its value, and with who chose it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from components.checkpoint_converter.class_rows import match_classes
from components.trainer.choose import Choice
from components.trainer.devices import select_devices
from components.trainer.hyper_parameters import (
    HyperParameters,
    collect_hyper_parameters,
    write_hyper_parameters,
)
from components.trainer.job import TrainingJob
from components.trainer.options import TrainOptions, Unfreezing
from components.trainer.rates import Restored
from components.trainer.results import LearningRateCurve, Sweep, Trial
from components.trainer.setup import build_trainer
from components.trainer.trainable import DetectorTrainer
from detection.config.label_map import parse_label_map

if TYPE_CHECKING:
    from conftest import Training

CURVE = LearningRateCurve(rates=[0.1], losses=[1.0], suggestion=0.02, applied=True)
SWEEP = Sweep(
    trials=[
        Trial(settings={"batch_size": 2}, loss=2.0),
        Trial(settings={"batch_size": 4, "restored_rate": 0.1}, loss=1.0),
    ],
    best=1,
    applied=True,
)


@pytest.fixture(scope="module")
def trainer(training: Training, tmp_path_factory: pytest.TempPathFactory) -> DetectorTrainer:
    """Built once: what differs between the tests is read from the options."""
    job = training.job(tmp_path_factory.mktemp("trainer"), TrainOptions())
    return build_trainer(job, select_devices(job.options))


def collect(job: TrainingJob, trainer: DetectorTrainer, **found: Any) -> dict[str, tuple[Any, str]]:
    settings = collect_hyper_parameters(Choice(job, **found), trainer).settings
    return {name: (setting.value, setting.source) for name, setting in settings.items()}


def test_without_options_it_is_the_config(
    training: Training, trainer: DetectorTrainer, tmp_path: Path
) -> None:
    settings = collect(training.job(tmp_path, TrainOptions()), trainer)
    assert settings["steps"] == (8, "pipeline.config")
    assert settings["batch_size"] == (4, "pipeline.config")
    assert settings["learning_rate"] == (pytest.approx(0.003), "pipeline.config")
    assert settings["schedule"] == ("Constant", "pipeline.config")
    assert settings["schedule.rate"] == (pytest.approx(0.003), "pipeline.config")
    assert settings["schedule.warmup_steps"] == (0, "pipeline.config")
    assert settings["optimizer"] == ("momentum", "pipeline.config")
    assert settings["optimizer.momentum"] == (pytest.approx(0.9), "default")
    assert settings["augmentations"] == (["random_horizontal_flip"], "pipeline.config")
    assert settings["bias_grad_multiplier"] == (2.0, "pipeline.config")
    assert settings["gradient_clipping_by_norm"] == (0.0, "default")
    l2 = {name: setting for name, setting in settings.items() if name.startswith("l2.")}
    assert l2 == {
        "l2.ssd.feature_extractor.conv_hyperparams": (pytest.approx(4e-5), "pipeline.config"),
        "l2.ssd.box_predictor.convolutional_box_predictor.conv_hyperparams": (
            pytest.approx(4e-5),
            "pipeline.config",
        ),
    }
    assert settings["train_batch_norm"] == (False, "default")
    assert settings["moving_average_decay"] == (None, "default")
    assert settings["rate_factors.backbone"] == (1.0, "default")
    assert settings["freeze"] == ([], "default") and settings["freeze_variables"] == ([], "default")
    assert settings["seed"] == (17, "default") and settings["unfreeze"] == ([], "default")


def test_the_last_one_who_chose_is_named(
    training: Training, trainer: DetectorTrainer, tmp_path: Path
) -> None:
    options = TrainOptions(
        steps=20,
        batch_size=4,
        learning_rate=0.02,
        warmup_steps=5,
        schedule="cosine",
        seed=3,
        restored_rate=0.1,
        block_rates={"backbone": 0.05},
        freeze=["Conv2d_0/"],
        augment=False,
        unfreeze=[Unfreezing(step=4, blocks=["backbone"])],
    )
    job = replace(training.job(tmp_path, options), triggered=frozenset({"steps", "learning_rate"}))
    settings = collect(job, trainer)
    assert settings["steps"] == (20, "trigger")
    assert settings["batch_size"] == (4, "train")
    assert settings["learning_rate"] == (0.02, "trigger")
    assert settings["schedule"] == ("CosineDecay", "train")
    assert settings["schedule.rate"] == (0.02, "trigger")
    assert settings["schedule.warmup_rate"] == (pytest.approx(0.002), "trigger")
    assert settings["schedule.total_steps"] == (20, "trigger")
    assert settings["schedule.warmup_steps"] == (5, "train")
    assert settings["schedule.hold_steps"] == (0, "default")
    assert settings["seed"] == (3, "train")
    assert settings["freeze"] == (["Conv2d_0/"], "train")
    assert settings["augmentations"] == ([], "train")
    assert settings["rate_factors.backbone"] == (0.05, "train")
    assert settings["rate_factors.box_head"] == (1.0, "default")  # nothing is fresh
    assert settings["unfreeze"] == ([{"step": 4, "blocks": ["backbone"]}], "train")

    found = collect(job, trainer, search=CURVE, sweep=SWEEP)
    assert found["learning_rate"] == (0.02, "lr_search") and found["schedule.rate"][1] == "lr_search"
    assert found["batch_size"] == (4, "sweep") and found["steps"] == (20, "trigger")
    not_applied = CURVE.model_copy(update={"applied": False}), SWEEP.model_copy(update={"applied": False})
    assert collect(job, trainer, search=not_applied[0], sweep=not_applied[1]) == settings


def test_factors_of_a_block_with_restored_and_fresh_variables(
    training: Training, trainer: DetectorTrainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Restored(frozenset({"BoxPredictor_0/ClassPredictor/weights"}))
    monkeypatch.setattr("components.trainer.hyper_parameters.what_was_restored", lambda *_: known)
    settings = collect(training.job(tmp_path, TrainOptions(restored_rate=0.2)), trainer)
    assert settings["rate_factors.backbone"] == (0.2, "train")
    assert settings["rate_factors.class_head"] == ({"fresh": 1.0, "restored": 0.2}, "train")
    classes = parse_label_map("item { id: 1 name: 'red' } item { id: 2 name: 'green' }", "")
    head = match_classes(classes, classes, 2, 2)
    known = replace(known, head=head, shown=frozenset({1}))
    settings = collect(training.job(tmp_path, TrainOptions(restored_rate=0.2)), trainer)
    expected = {"fresh": 1.0, "restored": pytest.approx(0.2), "held": 0.0}
    assert settings["rate_factors.class_head"] == (expected, "train")
    default = training.job(tmp_path, TrainOptions())
    assert collect(default, trainer)["rate_factors.backbone"] == (0.5, "default")
    assert collect(default, trainer, sweep=SWEEP)["rate_factors.backbone"] == (0.5, "sweep")


def test_an_optimizer_of_the_options_has_its_numbers(training: Training, tmp_path: Path) -> None:
    options = TrainOptions(optimizer="adamw", weight_decay=0.01, train_batch_norm=True)
    config = type(training.config)()
    config.CopyFrom(training.config)
    config.train_config.gradient_clipping_by_norm = 10
    job = replace(training.job(tmp_path, options), config=config)
    settings = collect(job, build_trainer(job, select_devices(options)))
    assert settings["optimizer"] == ("adamw", "train")
    assert settings["optimizer.weight_decay"] == (0.01, "train")
    assert settings["optimizer.beta_1"] == (0.9, "default")
    assert settings["train_batch_norm"] == (True, "train")
    assert settings["gradient_clipping_by_norm"] == (10.0, "pipeline.config")


def test_no_option_is_left_out(training: Training, trainer: DetectorTrainer, tmp_path: Path) -> None:
    settings = collect(training.job(tmp_path, TrainOptions()), trainer)
    elsewhere = {
        "warmup_steps": "schedule",
        "weight_decay": "optimizer",
        "restored_rate": "rate_factors.backbone",
        "block_rates": "rate_factors.backbone",
        "augment": "augmentations",
    }
    # the searches are told by what they changed, and in training.json
    for name in set(TrainOptions.model_fields) - {"lr_search", "sweep"}:
        assert elsewhere.get(name, name) in settings, name


def test_the_file_reads_back(training: Training, trainer: DetectorTrainer, tmp_path: Path) -> None:
    found = collect_hyper_parameters(Choice(training.job(tmp_path, TrainOptions())), trainer)
    write_hyper_parameters(found, tmp_path / "model")
    text = (tmp_path / "model" / "hyper_parameters.json").read_text()
    assert HyperParameters.model_validate_json(text) == found
    assert json.loads(text)["settings"]["seed"] == {"value": 17, "source": "default"}
