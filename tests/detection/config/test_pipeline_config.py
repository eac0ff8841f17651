"""All old configs parse, and survive being written."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from detection.config.pipeline_config import (
    format_pipeline_config,
    parse_config,
    parse_pipeline_config,
    read_config,
    read_pipeline_config,
    write_pipeline_config,
)
from detection.config.text_fault import TextFault

ROOT = Path(__file__).resolve().parents[3]
UPSTREAM = ROOT.parent / "shared" / "data" / "configs" / "upstream"
SAMPLES = sorted((UPSTREAM / "samples" / "configs").glob("*.config"))
needs_samples = pytest.mark.skipif(not SAMPLES, reason=f"no sample configs in {UPSTREAM}")


@needs_samples
def test_there_are_all_samples() -> None:
    assert len(SAMPLES) == 64


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_tf1_sample_parses_and_is_written_back_equal(path: Path) -> None:
    config = read_pipeline_config(path)
    assert config.model.WhichOneof("model") in ("ssd", "faster_rcnn")
    assert parse_pipeline_config(format_pipeline_config(config), "again") == config


@needs_samples
def test_every_upstream_config_is_its_own_text() -> None:
    """None of the last version (2021) has an old field: the text is as it was given."""
    paths = sorted(UPSTREAM.rglob("*.config"))
    assert len(paths) == 109
    for path in paths:
        if "lstm" not in path.name:
            parsed = read_config(path)
            assert (parsed.text, parsed.upgrades) == (path.read_text(), ())
            assert parsed.config == read_pipeline_config(path)


def test_a_config_without_model_is_refused() -> None:
    for text in ("train_config { }", "# nothing", "model { }"):
        with pytest.raises(TextFault, match="TXT014 pipeline.config has no model"):
            parse_config(text, "a.config")


@needs_samples
def test_values_are_those_of_the_file() -> None:
    config = read_pipeline_config(UPSTREAM / "samples" / "configs" / "ssdlite_mobilenet_v2_coco.config")
    assert config.model.ssd.num_classes == 90
    assert config.model.ssd.feature_extractor.type == "ssd_mobilenet_v2"
    assert config.train_config.batch_size == 24
    assert config.eval_input_reader[0].num_readers == 1


@needs_samples
def test_a_config_of_another_project_is_refused() -> None:
    for path in sorted((UPSTREAM / "lstm_object_detection").rglob("*.config")):
        with pytest.raises(TextFault, match="another project") as caught:
            read_pipeline_config(path)
        assert caught.value.where == f"{path}:18:1"


def test_small_floats_are_written_short(tmp_path: Path) -> None:
    suppression = "batch_non_max_suppression { score_threshold: 1e-8 iou_threshold: 0.6 }"
    config = parse_pipeline_config(f"model {{ ssd {{ post_processing {{ {suppression} }} }} }}", "a")
    path = tmp_path / "pipeline.config"
    write_pipeline_config(config, path)
    assert "score_threshold: 1e-08\n" in path.read_text()
    assert "iou_threshold: 0.6\n" in path.read_text()
    assert read_pipeline_config(path) == config


@needs_samples
@pytest.mark.parametrize("name", ["demo", "microcontrollers"])
def test_the_detectors_own_configs_describe_the_upstream_model(name: str) -> None:
    ours = read_pipeline_config(ROOT / "detectors" / name / "pipeline.config")
    theirs = read_pipeline_config(UPSTREAM / "samples" / "configs" / "ssdlite_mobilenet_v2_coco.config")
    assert ours.model.ssd.num_classes == 4
    ours.model.ssd.num_classes = theirs.model.ssd.num_classes
    theirs.model.ssd.box_predictor.convolutional_box_predictor.ClearField("dropout_keep_probability")
    assert ours.model == theirs.model


@needs_samples
def test_a_damaged_config_parses_or_is_bad_input_with_a_place() -> None:
    text = (UPSTREAM / "samples" / "configs" / "ssdlite_mobilenet_v2_coco.config").read_text()
    chance, refused = random.Random(7), 0
    for _ in range(300):
        start = chance.randrange(len(text))
        junk = "".join(chance.choices("{}[]<>:\"'\\ax0.#-\n", k=chance.randrange(4)))
        damaged = text[:start] + junk + text[start + chance.randrange(12) :]
        try:
            parse_pipeline_config(damaged, "damaged.config")
        except TextFault as error:
            refused += 1
            assert error.where.startswith("damaged.config:")
            assert error.fix
    assert refused > 100
