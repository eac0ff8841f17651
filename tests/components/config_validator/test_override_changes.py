"""Overrides become changes, of the schedule too."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from google.protobuf import text_format

from components.config_validator.fixes import edits_of
from components.config_validator.override_changes import override_changes
from components.config_validator.overrides import Overrides
from detection.config.pipeline_config import format_pipeline_config, parse_pipeline_config
from detection.config.text_edit import apply_edits

COSINE = "train_config.optimizer.momentum_optimizer.learning_rate.cosine_decay_learning_rate"
MANUAL = """train_config { optimizer { momentum_optimizer { learning_rate { manual_step_learning_rate {
  initial_learning_rate: 0.01
  schedule { step: 200 learning_rate: 0.001 } schedule { step: 300 learning_rate: 0.0001 } } } } } }"""


def changes(config: Any, **overrides: Any) -> dict[str, Any]:
    return {change.field: change.value for change in override_changes(config, Overrides(**overrides))}


def test_none_leave_the_config_alone(config: Any) -> None:
    before = format_pipeline_config(config)
    assert changes(config) == {}
    assert changes(config, steps=7, batch_size=2, learning_rate=1.0)
    assert format_pipeline_config(config) == before


def test_steps_take_the_schedule_with_them(config: Any) -> None:
    assert changes(config, steps=100, batch_size=4) == {
        "train_config.num_steps": 100,
        "train_config.batch_size": 4,
        f"{COSINE}.total_steps": 100,
        f"{COSINE}.warmup_steps": 10,
    }


def test_a_rate_takes_the_warmup_with_it(config: Any) -> None:
    found = changes(config, learning_rate=0.005)
    assert found == pytest.approx(
        {f"{COSINE}.learning_rate_base": 0.005, f"{COSINE}.warmup_learning_rate": 0.0005}
    )


def test_another_optimizer_and_schedule_take_the_place_of_the_configs(config: Any) -> None:
    adam = "train_config.optimizer.adam_optimizer.learning_rate.cosine_decay_learning_rate"
    found = changes(
        config, steps=300, learning_rate=0.001, warmup_steps=30, optimizer="adam", schedule="cosine"
    )
    assert found == pytest.approx(
        {
            "train_config.num_steps": 300,
            f"{adam}.learning_rate_base": 0.001,
            f"{adam}.total_steps": 300,
            f"{adam}.warmup_steps": 30,
            f"{adam}.warmup_learning_rate": 0.0001,
        }
    )


def test_the_same_schedule_is_left_as_it_is(config: Any) -> None:
    assert changes(config, optimizer="momentum", schedule="config") == {}
    found = changes(config, optimizer="momentum", schedule="constant")
    constant = "train_config.optimizer.momentum_optimizer.learning_rate.constant_learning_rate.learning_rate"
    assert found == pytest.approx({constant: 0.01})


def test_a_schedule_by_hand_goes_along_with_another_optimizer(config: Any) -> None:
    config.train_config.ClearField("optimizer")
    text_format.Merge(MANUAL, config)
    text = format_pipeline_config(config)
    for change in override_changes(config, Overrides(optimizer="rmsprop")):
        text = apply_edits(text, edits_of(text, change))
    after = parse_pipeline_config(text, "p").train_config.optimizer
    before = config.train_config.optimizer
    assert after.rms_prop_optimizer.learning_rate == before.momentum_optimizer.learning_rate
    assert not after.HasField("momentum_optimizer")


def test_manual_steps_are_changed_one_by_one(config: Any) -> None:
    config.train_config.ClearField("optimizer")
    text_format.Merge(MANUAL, config)
    manual = "train_config.optimizer.momentum_optimizer.learning_rate.manual_step_learning_rate"
    found = changes(config, steps=100, learning_rate=0.02)
    assert found[f"{manual}.schedule[0].step"] == 50
    assert found[f"{manual}.schedule[0].learning_rate"] == pytest.approx(0.002)
    assert found[f"{manual}.initial_learning_rate"] == pytest.approx(0.02)


@pytest.mark.parametrize(
    "overrides",
    [
        {
            "steps": 1000,
            "learning_rate": 0.001,
            "warmup_steps": 50,
            "optimizer": "adam",
            "schedule": "cosine",
        },
        {"steps": 500, "optimizer": "rmsprop", "schedule": "constant"},
        {"steps": 300, "warmup_steps": 200, "schedule": "cosine"},
    ],
)
def test_the_config_then_trains_as_the_trainer_would_with_the_options(
    config: Any, overrides: dict[str, Any]
) -> None:
    from components.trainer.optimizer import build_optimizer
    from components.trainer.options import TrainOptions
    from components.trainer.schedule import build_schedule

    text, steps = format_pipeline_config(config), overrides["steps"]
    for change in override_changes(config, Overrides(**overrides)):
        text = apply_edits(text, edits_of(text, change))
    resolved, options = parse_pipeline_config(text, "p").train_config.optimizer, TrainOptions(**overrides)
    wanted = build_schedule(config.train_config.optimizer, options, steps)
    found = build_schedule(resolved, TrainOptions(), steps)
    for step in (0, 10, 100, steps // 2, steps - 1):
        assert float(found(step)) == pytest.approx(float(wanted(step)), abs=1e-8)
    kinds = [
        build_optimizer(optimizer, chosen, wanted).__class__
        for optimizer, chosen in ((config.train_config.optimizer, options), (resolved, TrainOptions()))
    ]
    assert kinds[0] is kinds[1]


def test_adamw_is_adam_with_what_the_config_can_say_of_it(config: Any) -> None:
    text = format_pipeline_config(config)
    for change in override_changes(config, Overrides(optimizer="adamw")):
        text = apply_edits(text, edits_of(text, change))
    optimizer = parse_pipeline_config(text, "p").train_config.optimizer
    assert optimizer.WhichOneof("optimizer") == "adam_optimizer"
    kind = config.train_config.optimizer.WhichOneof("optimizer")
    assert (
        optimizer.adam_optimizer.learning_rate == getattr(config.train_config.optimizer, kind).learning_rate
    )


def test_every_setting_that_overrides_is_known_here() -> None:
    from components.trainer.options import TrainOptions

    for name, field in Overrides.model_fields.items():
        wanted = TrainOptions.model_fields[name].annotation
        assert set(get_args(field.annotation)) == set(get_args(wanted)), name
