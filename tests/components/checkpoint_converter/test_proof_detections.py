from __future__ import annotations

import numpy as np
import pytest

from components.checkpoint_converter.proof_detections import compare_detections
from detection.errors import Failed


def _detections(scores=(0.9, 0.8), move=0.0):
    """A batch of one image with a detection a score, in the first of four rows."""
    boxes, padded = np.zeros([1, 4, 4], np.float32), np.zeros([1, 4], np.float32)
    for row, score in enumerate(scores):
        boxes[0, row], padded[0, row] = (0.1 * row + move, 0.1, 0.8, 0.9), score
    return {
        "detection_boxes": boxes,
        "detection_scores": padded,
        "detection_classes": np.ones([1, 4], np.float32),
        "num_detections": np.array([len(scores)], np.float32),
    }


def _compare(reference, converted, replayed=None):
    def replay():
        assert replayed is not None, "nothing to replay"
        return replayed

    return compare_detections(reference, converted, replay, 0.2, 3)


def test_rows_are_paired_and_compared():
    converted = {
        name: value[:, [1, 0, 2, 3]] if value.ndim > 1 else value for name, value in _detections().items()
    }
    found = _compare(_detections(move=5e-5), converted)
    assert (found.count, found.replayed, found.unmatched) == (2, False, ())
    assert [stage.tensor for stage in found.stages] == ["detection_boxes", "detection_scores"]
    assert np.isclose(found.stages[0].absolute, 5e-5, rtol=1e-2)
    assert found.stages[1].absolute == 0.0


def test_what_is_counted_is_the_replay_where_it_was_needed():
    found = _compare(_detections(), _detections(scores=(0.9,)), replayed=_detections(move=2e-5))
    assert (found.count, found.replayed) == (2, True)
    assert np.isclose(found.stages[0].absolute, 2e-5, rtol=1e-2)


def test_a_detection_that_the_replay_misses_too():
    with pytest.raises(Failed, match=r"is postprocessing \(class 1 score 0.8000 only in the TF1") as error:
        _compare(_detections(), _detections(scores=(0.9,)), replayed=_detections(scores=(0.9,)))
    assert error.value.where == "proof image 3"


def test_another_room_for_detections():
    converted = {name: values[:, :3] if values.ndim > 1 else values for name, values in _detections().items()}
    with pytest.raises(Failed, match="room for 4 detections in the TF1 graph, for 3 in the converted model"):
        _compare(_detections(), converted)
