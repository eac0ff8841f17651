"""Upgrades edit the text in place; everything else in it stays, and stays on its line."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from detection.config import protos
from detection.config.pipeline_config import ParsedConfig, parse_config, read_config
from detection.config.text_fault import TextFault
from detection.config.upgrades import Upgrade, upgrade

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "detectors" / "demo" / "pipeline.config"

OLD = """# a zoo model of 2018
model {
  ssd {
    num_classes: 90  # COCO
    feature_extractor {
      type: "ssd_mobilenet_v2"
      depth_multiplier: 1.0
      batch_norm_trainable: false  # as it came
      use_depthwise: true
    }
    loss {
      classification_weight: 1.0
    }
    desired_negative_sampling_ratio: 3.0
  }
}
train_config { startup_delay: 15, batch_size: 24 }  # one line
"""
NEW = """# a zoo model of 2018
model {
  ssd {
    num_classes: 90  # COCO
    feature_extractor {
      type: "ssd_mobilenet_v2"
      depth_multiplier: 1.0
      use_depthwise: true
    }
    loss {
      classification_weight: 1.0
      desired_negative_sampling_ratio: 3.0
    }
    freeze_batchnorm: true
  }
}
train_config { startup_delay_steps: 15, batch_size: 24 }  # one line
"""


def test_the_text_is_edited_in_place() -> None:
    parsed = parse_config(OLD, "a")
    assert parsed.text == NEW
    assert parsed.config == parse_config(NEW, "b").config
    lines = {(u.line, u.code, u.old, u.new) for u in parsed.upgrades}
    assert lines == {
        (8, "OLD001", "batch_norm_trainable: false", "freeze_batchnorm: true"),
        (14, "OLD004", "desired_negative_sampling_ratio: 3.0", "desired_negative_sampling_ratio: 3.0"),
        (17, "OLD007", "startup_delay: 15", "startup_delay_steps: 15"),
    }
    assert all(isinstance(found, Upgrade) for found in parsed.upgrades)


def test_an_upgraded_text_has_nothing_to_upgrade() -> None:
    parsed = parse_config(NEW, "a")
    assert (parsed.text, parsed.upgrades) == (NEW, ())


def test_windows_line_ends_stay() -> None:
    parsed = parse_config(OLD.replace("\n", "\r\n"), "a")
    assert parsed.text == NEW.replace("\n", "\r\n")


def test_a_fault_beside_an_old_field_is_on_the_line_of_the_given_text() -> None:
    broken = OLD.replace("batch_size: 24", "batch_sise: 24")
    with pytest.raises(TextFault) as caught:
        parse_config(broken, "a")
    assert (caught.value.code, caught.value.line) == ("TXT001", 17)
    found = upgrade(broken, protos.TrainEvalPipelineConfig.DESCRIPTOR)
    assert found.in_lines.count("\n") == broken.count("\n")


def test_a_zoo_config_with_batch_norm_trainable_is_the_same_model(tmp_path: Path) -> None:
    """ssd_mobilenet_v2_coco_2018_03_29 and its contemporaries all have this line."""
    text = DEMO.read_text()
    old = text.replace(
        'type: "ssd_mobilenet_v2"', 'type: "ssd_mobilenet_v2"\n      batch_norm_trainable: true'
    )
    assert old != text
    path = tmp_path / "pipeline.config"
    path.write_bytes(b"\xef\xbb\xbf" + old.replace("\n", "\r\n").encode())
    parsed = read_config(path)
    assert parsed.text == text.replace("\n", "\r\n")
    assert parsed.config == parse_config(text, "a").config
    assert [found.code for found in parsed.upgrades] == ["OLD001"]


def test_deep_nesting_is_left_to_the_parser() -> None:
    text = "batch_norm_trainable: true " + "a { " * 100_000
    assert upgrade(text, protos.TrainEvalPipelineConfig.DESCRIPTOR).text == text


def test_a_damaged_text_keeps_its_lines_and_is_upgraded_or_left() -> None:
    chance = random.Random(5)
    root = protos.TrainEvalPipelineConfig.DESCRIPTOR
    for _ in range(500):
        start = chance.randrange(len(OLD))
        junk = "".join(chance.choices("{}[]<>:\"'\\ax0.#-\n, ;", k=chance.randrange(4)))
        damaged = OLD[:start] + junk + OLD[start + chance.randrange(40) :]
        found = upgrade(damaged, root)
        assert found.in_lines.count("\n") == damaged.count("\n")
        assert (found.text == damaged) == (not found.upgrades)
        try:
            parsed = parse_config(damaged, "a")
        except TextFault:
            continue
        assert parse_config(parsed.text, "b") == ParsedConfig(parsed.config, parsed.text, ())
