from __future__ import annotations

import numpy as np

from components.checkpoint_converter.proof_detections import Paired
from components.checkpoint_converter.proof_stages import Stage
from components.checkpoint_converter.report import ComparedTensor
from components.checkpoint_converter.tally import Tally


def _stage(block: str, tensor: str, scale: float, difference: float) -> Stage:
    reference = np.array([scale, 0.0])
    return Stage(block, tensor, reference, reference + [0.0, difference])


def _paired(boxes: float, scores: float, replayed: bool = False) -> Paired:
    stages = [
        _stage("postprocessing", "detection_boxes", 1.0, boxes),
        _stage("postprocessing", "detection_scores", 0.5, scores),
    ]
    return Paired(stages, 4, (), replayed)


def test_the_largest_difference_of_each_tensor_over_the_images():
    tally = Tally()
    tally.add(
        [_stage("rpn", "a", 4.0, 2.0**-18), _stage("box_head", "b", 1.0, 2.0**-19)], _paired(0.0, 2**-16)
    )
    tally.add(
        [_stage("rpn", "a", 0.5, 2.0**-20), _stage("box_head", "b", 1.0, 2.0**-22)],
        _paired(2**-17, 0.0, replayed=True),
    )
    proof = tally.passed("files: a, b")
    assert proof.tensors == [
        ComparedTensor(block="rpn", tensor="a", max_absolute=2.0**-18, max_relative=2.0**-19),
        ComparedTensor(block="box_head", tensor="b", max_absolute=2.0**-19, max_relative=2.0**-19),
        ComparedTensor(
            block="postprocessing", tensor="detection_boxes", max_absolute=2.0**-17, max_relative=2.0**-17
        ),
        ComparedTensor(
            block="postprocessing", tensor="detection_scores", max_absolute=2.0**-16, max_relative=2.0**-15
        ),
    ]
    assert (proof.images, proof.image_source, proof.passed) == (2, "files: a, b", True)
    assert (proof.matched_detections, proof.replayed_images) == (8, 1)
    assert proof.max_difference_raw == 2.0**-19
    assert (proof.max_difference_boxes, proof.max_difference_scores) == (2.0**-17, 2.0**-16)
