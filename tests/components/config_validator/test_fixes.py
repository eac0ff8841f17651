"""Changes become edits of the text: set, take out, put in; comments and order stay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor

from components.config_validator.findings import Change, Scalar
from components.config_validator.fixes import edits_of
from components.config_validator.locate import split_index
from detection.config.pipeline_config import parse_pipeline_config
from detection.config.text_edit import apply_edits

ROOT = Path(__file__).resolve().parents[3]
TEXT = """# A detector.
model {
  ssd {
    num_classes: 90  # COCO
    loss { hard_example_miner { loss_type: BOTH } }
    post_processing { batch_non_max_suppression { score_threshold: 1e-8 } }
  }
}
train_config {
  sync_replicas: true
  # the path
  fine_tune_checkpoint: 'old/model.ckpt'
  freeze_variables: ["a", "b"]
  optimizer { momentum_optimizer { momentum_optimizer_value: 0.9 } }
}
eval_input_reader { label_map_path: "a.pbtxt" shuffle: false }
eval_input_reader {
  label_map_path: "b.pbtxt"
}
"""


def changed(field: str, value: Scalar | None = None, text: str = TEXT) -> str:
    """The text after a change; it still parses."""
    after = apply_edits(text, edits_of(text, Change(field, value)))
    parse_pipeline_config(after, "p")
    return after


@pytest.mark.parametrize(
    ("field", "value", "before", "after"),
    [
        ("model.ssd.num_classes", 4, "num_classes: 90  # COCO", "num_classes: 4  # COCO"),
        ("model.ssd.loss.hard_example_miner.loss_type", "CLASSIFICATION", ": BOTH", ": CLASSIFICATION"),
        ("train_config.sync_replicas", False, "sync_replicas: true", "sync_replicas: false"),
        ("train_config.fine_tune_checkpoint", 'ü "q"\\', "'old/model.ckpt'", '"ü \\"q\\"\\\\"'),
        ("train_config.optimizer.momentum_optimizer.momentum_optimizer_value", 0.004, "0.9", "0.004"),
        ("eval_input_reader[1].label_map_path", "c.pbtxt", '"b.pbtxt"', '"c.pbtxt"'),
    ],
)
def test_a_scalar_is_set_in_its_place(field: str, value: Scalar, before: str, after: str) -> None:
    assert changed(field, value) == TEXT.replace(before, after)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model.ssd.num_classes", 90),
        ("model.ssd.post_processing.batch_non_max_suppression.score_threshold", 0.00000001),
        ("model.ssd.loss.hard_example_miner.loss_type", "BOTH"),
        ("train_config.fine_tune_checkpoint", "old/model.ckpt"),
        ("graph_rewriter.quantization", None),
        ("eval_config.batch_size", None),
        ("train_config.data_augmentation_options.ssd_random_crop.operations.min_area", 0.5),
    ],
)
def test_what_is_so_already_is_not_touched(field: str, value: Scalar | None) -> None:
    assert edits_of(TEXT, Change(field, value)) == []


@pytest.mark.parametrize(
    ("field", "gone"),
    [
        ("train_config.fine_tune_checkpoint", "  fine_tune_checkpoint: 'old/model.ckpt'\n"),
        ("train_config.freeze_variables", '  freeze_variables: ["a", "b"]\n'),
        ("train_config.freeze_variables[0]", '"a", '),
        ("model.ssd.loss.hard_example_miner", "hard_example_miner { loss_type: BOTH } "),
        ("eval_input_reader[0].shuffle", "shuffle: false "),
        ("eval_input_reader[0]", 'eval_input_reader { label_map_path: "a.pbtxt" shuffle: false }\n'),
    ],
)
def test_a_field_is_taken_out(field: str, gone: str) -> None:
    assert changed(field) == TEXT.replace(gone, "")


def test_several_fields_on_one_line_are_taken_out() -> None:
    reader = '  tf_record_input_reader { input_path: "a" input_path: "b" }\n'
    text = TEXT + f"train_input_reader {{\n{reader}}}\n"
    after = changed("train_input_reader.tf_record_input_reader.input_path", text=text)
    assert after == text.replace('input_path: "a" input_path: "b" ', "")
    lines = text.replace(" { input_path", " {\n    input_path").replace(" }\n}\n", "\n  }\n}\n")
    after = changed("train_input_reader.tf_record_input_reader.input_path", text=lines)
    assert after == lines.replace('    input_path: "a" input_path: "b"', "    ")


def test_every_element_of_a_repeated_block_is_changed() -> None:
    after = changed("eval_input_reader.label_map_path", "c.pbtxt")
    assert after.count('label_map_path: "c.pbtxt"') == 2
    after = changed("eval_input_reader.shuffle", True)
    assert after.count("shuffle: true") == 2 and "shuffle: true }\n" in after


def test_a_missing_field_is_put_in_with_its_blocks() -> None:
    assert changed("train_config.num_steps", 7).endswith(
        TEXT[TEXT.index("  optimizer") :].replace("0.9 } }\n}", "0.9 } }\n  num_steps: 7\n}")
    )
    after = changed("eval_config.metrics_set", "coco_detection_metrics")
    assert after == TEXT + 'eval_config {\n  metrics_set: "coco_detection_metrics"\n}\n'


def test_the_next_element_of_a_repeated_block_is_made() -> None:
    after = changed("eval_input_reader[2].label_map_path", "c.pbtxt")
    assert after == TEXT + 'eval_input_reader {\n  label_map_path: "c.pbtxt"\n}\n'
    assert edits_of(TEXT, Change("eval_input_reader[3].label_map_path", "c.pbtxt")) == []


def test_another_field_of_a_oneof_makes_room() -> None:
    field = "train_config.optimizer.adam_optimizer.learning_rate.constant_learning_rate.learning_rate"
    inner = "adam_optimizer { learning_rate { constant_learning_rate { learning_rate: 0.002 } } }"
    before = "momentum_optimizer { momentum_optimizer_value: 0.9 }"
    assert changed(field, 0.002) == TEXT.replace(before, inner)


@pytest.mark.parametrize("field", ["model.ssd.classes", "no.such", "train_config.optimizer.adam.x"])
def test_a_field_that_the_schema_does_not_have_is_a_defect(field: str) -> None:
    with pytest.raises(KeyError):
        edits_of(TEXT, Change(field, 1))


def scalars(message: Any, path: str) -> Iterator[tuple[str, FieldDescriptor]]:
    """The dotted path of every scalar that a message holds; those of repeated blocks with an index."""
    for field, value in message.ListFields():
        name = f"{path}{field.name}"
        if field.message_type is None:
            yield name, field
        elif not field.is_repeated:
            yield from scalars(value, f"{name}.")
        else:
            for index, element in enumerate(value):
                yield from scalars(element, f"{name}[{index}].")


def owner(config: Any, path: str) -> Any:
    """The message that holds the field at a path."""
    for part in path.split(".")[:-1]:
        name, index = split_index(part)
        config = getattr(config, name) if index is None else getattr(config, name)[index]
    return config


@pytest.mark.parametrize("name", ["demo", "microcontrollers"])
def test_every_field_of_a_config_can_be_set_and_taken_out(name: str) -> None:
    text = (ROOT / f"detectors/{name}/pipeline.config").read_text()
    config = parse_pipeline_config(text, "p")
    paths = list(scalars(config, ""))
    assert len(paths) > 70
    for path, field in paths:
        expected = type(config)()
        expected.CopyFrom(config)
        owner(expected, path).ClearField(field.name)
        assert parse_pipeline_config(changed(path, text=text), "p") == expected, path
        if not field.is_repeated:
            value = {str: "other", bool: False, float: 0.125, int: 1}[
                type(getattr(owner(config, path), field.name))
            ]
            setattr(owner(expected, path), field.name, value)
            assert parse_pipeline_config(changed(path, value, text=text), "p") == expected, path
            gone = changed(path, text=text)
            assert parse_pipeline_config(changed(path, value, text=gone), "p") == expected, path
