"""Rows of the report's tables."""

from __future__ import annotations

import numpy as np

from components.evaluator.analysis import analyse
from components.evaluator.detections import ImageDetections
from components.evaluator.matching import match
from components.evaluator.metrics import coco_metrics
from components.evaluator.options import GateOptions
from components.evaluator.report_rows import class_rows, confusions, metric_rows
from components.evaluator.results import Analysis, Comparison, ModelEvaluation, Verdict
from detection.config.label_map import LabelMap
from tests.components.evaluator.drawn_sets import LABELS, label_map, random_images


def analysis_of(images: list[ImageDetections], labels: LabelMap = LABELS) -> Analysis:
    return analyse(images, match(images, [item.id for item in labels.items]), labels, None)


def evaluation(title: str, images: list[ImageDetections]) -> ModelEvaluation:
    return ModelEvaluation(
        title=title,
        saved_model="m",
        metrics=coco_metrics(images, LABELS),
        masks=coco_metrics(images, LABELS, "segm") if images[0].groundtruth_masks else None,
        analysis=analysis_of(images),
        seconds=1.0,
    )


def compared(new: list[ImageDetections], old: list[ImageDetections]) -> Comparison:
    return Comparison(
        gate=GateOptions(floor=0.5),
        verdict=Verdict(blessed=True),
        candidate=evaluation("new model", new),
        baseline=evaluation("version 1", old),
    )


def test_twelve_numbers_of_boxes_and_two_of_voc() -> None:
    new, old = random_images(0), random_images(0, noise=0.05)
    comparison = compared(new, old)
    rows = metric_rows(comparison)
    assert len(rows) == 14
    assert [row.title for row in rows[:2]] == ["AP, mean over IoU 0.50 to 0.95", "AP at IoU 0.5"]
    assert (rows[0].baseline, rows[0].candidate) == (
        comparison.baseline.metrics.mAP,
        comparison.candidate.metrics.mAP,
    )
    assert rows[0].tf1 is None
    assert comparison.candidate.analysis is not None
    assert rows[-1].candidate == comparison.candidate.analysis.voc_2012.mean


def test_masks_have_twelve_more() -> None:
    images = random_images(1, count=4, masks=True)
    rows = metric_rows(compared(images, images))
    assert len(rows) == 26 and rows[12].title == "Masks: AP, mean over IoU 0.50 to 0.95"
    assert rows[12].candidate != rows[0].candidate


def test_a_class_without_objects_is_undefined_in_its_row() -> None:
    images = random_images(2)
    row = class_rows(compared(images, images))[-1]
    assert (row.key, row.name, row.boxes) == ("never", "Never", 0)
    assert (row.candidate, row.mAP, row.voc_2007, row.operating and row.operating.recall) == (None,) * 4


def test_the_matrix_has_the_background_last() -> None:
    analysis = analysis_of(random_images(3))
    found = confusions(analysis, {item.name: item.display_name for item in LABELS.items})
    assert found.columns == ["A", "B", "C", "Never", "not found"]
    assert [title for title, _ in found.rows] == ["A", "B", "C", "Never", "background"]
    assert found.rows[0][1][0].right and not found.rows[0][1][1].right
    assert sum(cell.share for cell in found.rows[0][1]) == 1.0
    assert found.pairs == []


def test_many_classes_are_shown_as_the_most_frequent_pairs() -> None:
    labels = label_map(**{f"class{number}": number for number in range(1, 21)})
    box = np.array([[0.1, 0.1, 0.5, 0.5]], np.float32)
    images = [
        ImageDetections(100, 100, box, np.array([truth]), box, np.array([0.9], np.float32), np.array([found]))
        for truth, found in ((1, 2), (1, 2), (3, 4), (5, 5))
    ]
    found = confusions(analysis_of(images, labels), {name: name for name in labels.names})
    assert found.rows == []
    assert found.pairs == [("class1", "class2", 2), ("class3", "class4", 1)]
