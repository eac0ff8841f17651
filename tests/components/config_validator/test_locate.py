"""Fields are found on their lines."""

from __future__ import annotations

import pytest

from components.config_validator.locate import Locator, split_index

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


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("model.ssd.num_classes", 4),
        ("model.ssd.post_processing.score_converter", 5),
        ("train_config.fine_tune_checkpoint", 9),
        ("train_config.data_augmentation_options", 10),
        ("train_config.data_augmentation_options.ssd_random_crop", 11),
        ("train_config.data_augmentation_options[1]", 11),
        ("train_config.data_augmentation_options[0].ssd_random_crop", 10),
        ("train_config.freeze_variables[1]", 13),
        ("train_config.num_steps", 14),
        ("model.ssd.image_resizer.fixed_shape_resizer", 3),
        ("train_config.data_augmentation_options[7]", 8),
        ("train_config.optimizer", 8),
        ("eval_config.metrics_set", 1),
        ("", 1),
    ],
)
def test_a_field_or_the_nearest_block_around_it(field: str, line: int) -> None:
    assert Locator(TEXT).line_of(field) == line


def test_parts_of_a_path() -> None:
    assert split_index("ssd") == ("ssd", None)
    assert split_index("eval_input_reader[12]") == ("eval_input_reader", 12)
