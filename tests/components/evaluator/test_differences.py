"""A new model against those before it."""

from __future__ import annotations

import pytest

from components.evaluator.detections import ImageDetections
from components.evaluator.differences import Judge, judge_of
from components.evaluator.evaluate import EvaluatedModel
from components.evaluator.matching import match
from components.evaluator.metrics import coco_metrics
from components.evaluator.options import EvaluateOptions
from components.evaluator.results import ModelEvaluation
from components.evaluator.slices import ImageFacts, Slice
from tests.components.evaluator.drawn_sets import LABELS, random_images

IDS = [item.id for item in LABELS.items]


def model(images: list[ImageDetections]) -> EvaluatedModel:
    evaluation = ModelEvaluation(
        title="model", saved_model="m", metrics=coco_metrics(images, LABELS), seconds=1.0
    )
    facts = [ImageFacts(f"{number}.jpg", one.width, one.height, 90.0) for number, one in enumerate(images)]
    return EvaluatedModel(evaluation, images, facts, match(images, IDS))


@pytest.fixture(scope="module")
def pair() -> tuple[EvaluatedModel, EvaluatedModel]:
    """Of the same images, the first with tighter boxes."""
    return model(random_images(0, count=40)), model(random_images(0, count=40, noise=0.04))


@pytest.fixture(scope="module")
def judge() -> Judge:
    return judge_of(LABELS, "mAP_75", EvaluateOptions(resamples=100))


def test_overall_and_by_class(pair: tuple[EvaluatedModel, EvaluatedModel], judge: Judge) -> None:
    found = judge.differences(*pair)
    new, old = (one.evaluation.metrics for one in pair)
    for name, one in found.overall.items():
        assert one.candidate == pytest.approx(getattr(new, name), abs=1e-12)
        assert one.baseline == pytest.approx(getattr(old, name), abs=1e-12)
        assert one.low is not None and one.high is not None and 0 < one.low < one.high
    assert list(found.by_class) == ["a", "b"], "classes without objects have none"
    assert found.by_class["a"].candidate == pytest.approx(new.by_class["a"].mAP_75, abs=1e-12)


def test_a_slice_is_the_metric_of_its_images(
    pair: tuple[EvaluatedModel, EvaluatedModel], judge: Judge
) -> None:
    slices = [Slice("night", tuple(range(0, 40, 2))), Slice("fog", (3, 4))]
    night, fog = judge.slices(*pair, slices, 20)
    images = [pair[0].images[index] for index in slices[0].images]
    assert night.difference.candidate == pytest.approx(coco_metrics(images, LABELS).mAP_75, abs=1e-12)
    assert (night.images, night.too_small) == (20, False)
    assert (fog.images, fog.too_small) == (2, True)
    assert fog.groundtruth_boxes == sum(len(pair[0].images[index].groundtruth_boxes) for index in (3, 4))


def test_old_classes_are_the_mean_of_theirs_alone(
    pair: tuple[EvaluatedModel, EvaluatedModel], judge: Judge
) -> None:
    new, old = pair
    found = judge.old_classes("evaluation set", new, old, new, [2, 7])
    assert (found.classes, found.images) == (["b", "never"], 40)
    assert found.against_baseline.candidate == pytest.approx(new.evaluation.metrics.by_class["b"].mAP_75)
    assert found.against_baseline.baseline == pytest.approx(old.evaluation.metrics.by_class["b"].mAP_75)
    assert (found.against_tf1.low, found.against_tf1.high) == (0.0, 0.0)
