"""The walk agrees with protobuf's parser on what is right."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from google.protobuf import text_format

from detection.config import protos
from detection.config.text_walk import Walk

ROOT = Path(__file__).resolve().parents[3]
UPSTREAM = ROOT.parent / "shared" / "data" / "configs" / "upstream"
CONFIGS = sorted(path for path in UPSTREAM.rglob("*.config") if "lstm" not in path.name)
needs_configs = pytest.mark.skipif(not CONFIGS, reason=f"no configs in {UPSTREAM}")
JUNK = "{}[]<>:\"'\\ax0.#-\n, ;"


def _walk(text: str) -> Walk:
    return Walk(text, protos.TrainEvalPipelineConfig.DESCRIPTOR, "a", "pipeline.config")


@needs_configs
def test_no_upstream_config_has_a_fault() -> None:
    assert len(CONFIGS) == 107
    for path in CONFIGS:
        assert _walk(path.read_text()).fault is None


@needs_configs
def test_a_damaged_config_has_a_fault_exactly_if_it_does_not_parse() -> None:
    chance = random.Random(11)
    texts = [path.read_text() for path in CONFIGS]
    wrong = 0
    for _ in range(400):
        text = chance.choice(texts)
        start = chance.randrange(len(text))
        junk = "".join(chance.choices(JUNK, k=chance.randrange(4)))
        text = text[:start] + junk + text[start + chance.randrange(60) :]
        try:
            text_format.Parse(text, protos.TrainEvalPipelineConfig())
        except text_format.ParseError:
            wrong += 1
            fault = _walk(text).fault
            assert fault is not None and fault.line is not None and fault.fix
        else:
            assert _walk(text).fault is None
    assert 200 < wrong < 400


def test_lists_angle_brackets_and_separators() -> None:
    text = """
    model: < ssd <
      num_classes: 0x3;
      anchor_generator { ssd_anchor_generator { aspect_ratios: [1.0, 2f], scales: [] num_layers: 6 } },
    > >
    train_config { data_augmentation_options: [ { random_horizontal_flip { } }, { ssd_random_crop < > } ] }
    """
    text_format.Parse(text, protos.TrainEvalPipelineConfig())
    walk = _walk(text)
    assert walk.fault is None
    assert [block.name for block in walk.blocks if block.parent is None] == ["model", "train_config"]
    for block in walk.blocks:
        assert text[block.opener] in "{<" and text[block.end - 1] in "}>"


def test_nesting_ends_with_the_schema() -> None:
    fault = _walk("model { ssd { " * 3000).fault
    assert fault is not None and (fault.code, fault.line, fault.column) == ("TXT007", 1, 9)
