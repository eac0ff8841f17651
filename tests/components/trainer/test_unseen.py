"""Which classes the training is said to forget."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from components.checkpoint_converter.report import ClassHead, ClassRow
from components.trainer.conversion import read_conversion
from components.trainer.options import TrainOptions
from components.trainer.unseen import note_unseen_classes
from tests.components.trainer.inputs import write_class_head

if TYPE_CHECKING:
    from conftest import Training

NAMES = ("car", "bus", "tram", "van", "lorry", "bike", "boat", "new")


def write_report(converted: Path) -> None:
    """report.json of a conversion that carried over the rows of all classes but the last."""
    rows = [
        ClassRow(id=number, name=name, source_id=None if name == "new" else number)
        for number, name in enumerate(NAMES, 1)
    ]
    write_class_head(
        converted, ClassHead(how="name", classes_before=7, classes_after=8, rows=rows, left_behind=[])
    )


@pytest.mark.parametrize(
    ("shown", "keep", "said"),
    [
        ({1, 2, 3, 4, 5, 8}, None, "no training image shows bike, boat, which the TF1 model knew"),
        ({8}, None, "no training image shows car, bus, tram, van, lorry and 2 more, which"),
        ({8}, 0.5, ""),
        ({1, 2, 3, 4, 5, 6, 7}, None, ""),
    ],
)
def test_classes_that_no_image_shows_are_named(
    training: Training, tmp_path: Path, capsys: pytest.CaptureFixture[str], shown, keep, said
) -> None:
    write_report(tmp_path)
    job = training.job(tmp_path / "job", TrainOptions(keep_old_classes=keep))
    capsys.readouterr()
    objects = {number: 3 if number in shown else 0 for number in range(1, 9)}
    note_unseen_classes(replace(job, conversion=read_conversion(tmp_path), train_objects=objects))
    out = capsys.readouterr().out
    assert out.startswith(said) and bool(out) == bool(said)


def test_nothing_is_said_of_a_model_without_a_report(
    training: Training, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = training.job(tmp_path / "job", TrainOptions())
    capsys.readouterr()
    note_unseen_classes(replace(job, conversion=None))
    assert capsys.readouterr().out == ""
