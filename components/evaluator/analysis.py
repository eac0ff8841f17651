"""All that is behind a model's average precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from components.evaluator.average_precision import precision_at_recalls
from components.evaluator.calibration import calibration
from components.evaluator.confusion import confusion_matrix
from components.evaluator.detections import ImageDetections
from components.evaluator.matching import ClassMatches
from components.evaluator.operating_point import operating_point
from components.evaluator.results import Analysis, PrecisionRecall
from components.evaluator.voc import voc_metrics
from detection.config.label_map import LabelMap


def analyse(
    images: Sequence[ImageDetections],
    matches: Mapping[int, ClassMatches],
    label_map: LabelMap,
    operating_score: float | None,
) -> Analysis:
    """Measure a model beyond COCO's metrics.

    Args:
      images: groundtruth and detections.
      matches: of `images`, for each class of `label_map`.
      label_map: the classes.
      operating_score: score from which a detection counts in use; None: that with the best F1.
    """
    voc = voc_metrics(images, label_map)
    point = operating_point(matches, label_map, operating_score)
    curves = {item.name: precision_at_recalls(matches[item.id]) for item in label_map.items}
    return Analysis(
        voc_2007=voc[2007],
        voc_2012=voc[2012],
        operating_point=point,
        confusion=confusion_matrix(images, label_map, point.score),
        calibration=calibration(matches),
        curves={
            name: PrecisionRecall(precision=[round(value, 4) for value in curve.tolist()])
            for name, curve in curves.items()
            if curve is not None
        },
    )
