"""The benchmark of forgetting: what is labelled in its pictures, its detectors, and its table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.training.data_sets import DATA
from benchmarks.training.forgetting_page import part, write_part
from benchmarks.training.forgetting_runs import (
    INPUT_SIDE,
    NEW,
    OLD,
    PICTURES,
    VARIANTS,
    Outcome,
    write_detector,
    write_inputs,
)
from benchmarks.training.page_parts import FORGETTING
from benchmarks.training.results_page import write_page
from benchmarks.training.sign_data import HEIGHT, WIDTH, Signs, write_splits
from components.example_gen.coco import read_coco
from detection.config.label_map import read_label_map
from detection.config.pipeline_config import read_pipeline_config
from pipelines.spec import DetectorSpec
from tests.benchmarks.test_training_results import run

NOTHING, UNLABELLED = PICTURES
FREE, DEFAULT, KEPT = VARIANTS


def outcome(seed: int, after: float, pictures: str = NOTHING, variant: str = DEFAULT) -> Outcome:
    return Outcome(
        pictures=pictures,
        variant=variant,
        seed=seed,
        steps=40,
        old_before=0.9,
        old_after=after,
        new=0.8,
        seconds=60.0,
    )


@pytest.mark.parametrize("unlabelled", [(), OLD])
def test_only_the_wanted_signs_are_labelled(tmp_path: Path, unlabelled: tuple[str, ...]) -> None:
    write_splits(tmp_path, Signs(NEW, unlabelled, seed=2), 8, 3)
    for split, count in (("train", 8), ("eval", 3)):
        records = read_coco(str(tmp_path / split / "annotations.json"), split)
        assert len(records) == count and all(record.source is not None for record in records)
        assert all(1 <= len(record.boxes) <= 2 for record in records)
        assert {box.label for record in records for box in record.boxes} == set(NEW)
    file = tmp_path / "train" / "annotations.json"
    for annotation in json.loads(file.read_text())["annotations"]:
        left, top, width, height = annotation["bbox"]
        assert 0 <= left < left + width <= WIDTH and 0 <= top < top + height <= HEIGHT
    written = file.stat().st_mtime_ns
    write_splits(tmp_path, Signs(NEW, unlabelled, seed=2), 8, 3)
    assert file.stat().st_mtime_ns == written


def test_signs_without_a_label_are_in_the_pictures(tmp_path: Path) -> None:
    for folder, unlabelled in (("without", ()), ("with", OLD)):
        write_splits(tmp_path / folder, Signs(NEW, unlabelled), 4, 1)
    for number in range(4):
        name = f"train/images/{number:04d}.jpg"
        assert (tmp_path / "without" / name).read_bytes() != (tmp_path / "with" / name).read_bytes()


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_yaml_is_a_detector_that_measures_the_old_classes(
    tmp_path: Path, variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.training.forgetting_runs.TRAIN_PICTURES", 4)
    monkeypatch.setattr("benchmarks.training.forgetting_runs.EVAL_PICTURES", 2)
    config = write_inputs(tmp_path, (*NEW, *OLD), PICTURES[UNLABELLED])
    ssd = read_pipeline_config(config).model.ssd
    assert ssd.num_classes == 4 and ssd.image_resizer.fixed_shape_resizer.width == INPUT_SIDE
    labels = read_label_map(tmp_path / "label_map.pbtxt")
    assert [item.name for item in labels.items] == [*NEW, *OLD]
    settings = VARIANTS[variant] | {"steps": 60, "seed": 2}
    old = tmp_path / "old.tfrecord"
    file = write_detector("new", tmp_path, config, Path("model.ckpt"), Path("old.pbtxt"), settings, [old])
    spec = DetectorSpec.from_file(file)
    assert (spec.train.steps, spec.train.warmup_steps, spec.train.seed) == (60, 6, 2)
    assert spec.train.restored_rate == (1.0 if variant == FREE else 0.5)
    assert spec.train.keep_old_classes == (1.0 if variant == KEPT else None)
    assert spec.evaluate.old_eval == (str(old),)


def test_a_row_has_the_mean_and_the_range_of_its_seeds() -> None:
    text = part([outcome(1, 0.4), outcome(2, 0.6), outcome(1, 0.1, UNLABELLED, KEPT)])
    assert f"| {NOTHING} | {DEFAULT} | 2 | 0.900 | **0.500** | 0.400 to 0.600 | 0.800 |" in text
    assert f"| {UNLABELLED} | {KEPT} | 1 | 0.900 | **0.100** | 0.100 to 0.100 | 0.800 |" in text
    assert FREE not in text


def test_the_page_keeps_what_others_wrote(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    write_page({"blood_cells": [run(1, 0.4)]}, tmp_path)
    first = page.read_text()
    write_part([outcome(1, 0.4)], page)
    write_part([outcome(1, 0.7)], page)
    both = page.read_text()
    assert both.startswith(first) and both.count(FORGETTING) == 1
    assert "**0.700**" in both and "**0.400** | 0.400 to" not in both[len(first) :]
    write_page({"blood_cells": [run(1, 0.4)]}, tmp_path)
    assert page.read_text() == both
