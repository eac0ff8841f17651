from __future__ import annotations

from detection.faster_rcnn import FasterRCNN
from detection.ssd import SSD
from detection.two_stage import TwoStageDetector


def test_faster_rcnn_has_two_stages_and_a_single_shot_detector_has_not() -> None:
    assert issubclass(FasterRCNN, TwoStageDetector)
    assert not issubclass(SSD, TwoStageDetector)
