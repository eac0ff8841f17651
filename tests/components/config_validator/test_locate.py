"""Fields are found on their lines."""

from __future__ import annotations

from components.config_validator.locate import field_lines, line_of

TEXT = """# model { ssd {
model: {
  ssd {
    num_classes: 3  # num_classes: 4
    post_processing { score_converter: SIGMOID }
  }
}
train_config <
  fine_tune_checkpoint: "a { b: 'c' }"
  data_augmentation_options { random_horizontal_flip { } }
  data_augmentation_options { ssd_random_crop { } }
  freeze_variables: ["a",
    'b']
  batch_size: 8, num_steps: 9;
>
"""


def test_lines() -> None:
    lines = field_lines(TEXT)
    assert lines["model.ssd.num_classes"] == 4
    assert lines["model.ssd.post_processing.score_converter"] == 5
    assert lines["train_config.fine_tune_checkpoint"] == 9
    assert lines["train_config.data_augmentation_options.ssd_random_crop"] == 11
    assert lines["train_config.num_steps"] == 14
    assert not any("SIGMOID" in field or field.endswith(".b") for field in lines)


def test_a_missing_field_is_at_the_block_around_it() -> None:
    lines = field_lines(TEXT)
    assert line_of(lines, "model.ssd.image_resizer.fixed_shape_resizer") == 3
    assert line_of(lines, "train_config.optimizer") == 8
    assert line_of(lines, "eval_config.metrics_set") == 1
    assert line_of(lines, "") == 1
