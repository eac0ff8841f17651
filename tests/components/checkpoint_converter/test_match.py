from __future__ import annotations

import numpy as np

from components.checkpoint_converter.match import match_detections


def _detections(rows, size=5):
    """rows: (ymin, score, class)."""
    boxes, scores, classes = np.zeros((size, 4)), np.zeros(size), np.ones(size)
    for index, (ymin, score, label) in enumerate(rows):
        boxes[index], scores[index], classes[index] = (ymin, 0.1, 0.9, 0.9), score, label
    return {
        "detection_boxes": boxes,
        "detection_scores": scores,
        "detection_classes": classes,
        "num_detections": len(rows),
    }


def _match(reference, other, size=5):
    return match_detections(_detections(reference, size), _detections(other, size), 1e-4, 0.2)


def test_pairs_whatever_the_order():
    found = _match([(0.1, 0.9, 1), (0.3, 0.9, 1)], [(0.30005, 0.9, 1), (0.1, 0.90002, 1)])
    assert (found.reference_rows, found.other_rows, found.unmatched) == ([0, 1], [1, 0], ())


def test_a_pair_is_used_once():
    found = _match([(0.1, 0.9, 1), (0.1, 0.9, 1)], [(0.1, 0.9, 1)])
    assert (found.reference_rows, found.other_rows) == ([0], [0])
    assert found.unmatched == ("class 1 score 0.9000 only in the TF1 graph",)


def test_another_class_or_place_is_no_pair():
    found = _match([(0.1, 0.9, 1)], [(0.1, 0.9, 2)])
    assert found.reference_rows == []
    assert found.unmatched == (
        "class 1 score 0.9000 only in the TF1 graph",
        "class 2 score 0.9000 only in the converted model",
    )
    assert _match([(0.1, 0.9, 1)], [(0.1002, 0.9, 1)]).reference_rows == []


def test_rounding_at_the_score_threshold_is_excused():
    assert _match([(0.1, 0.9, 1), (0.2, 0.20005, 1)], [(0.1, 0.9, 1)]).unmatched == ()
    assert len(_match([(0.1, 0.9, 1), (0.2, 0.2002, 1)], [(0.1, 0.9, 1)]).unmatched) == 1


def test_rounding_at_the_end_of_a_full_list_is_excused():
    assert _match([(0.1, 0.9, 1), (0.2, 0.5, 1)], [(0.1, 0.9, 1), (0.4, 0.5, 1)], size=2).unmatched == ()
    assert len(_match([(0.1, 0.9, 1), (0.2, 0.5, 1)], [(0.1, 0.9, 1), (0.4, 0.5, 1)]).unmatched) == 2


def test_nothing_found_on_either_side():
    found = _match([], [])
    assert (found.reference_rows, found.other_rows, found.unmatched) == ([], [], ())


def test_a_threshold_that_one_side_has_not_is_no_rounding():
    """The other side's threshold is lower: its detections below ours are not ours to leave out."""
    assert len(_match([(0.1, 0.9, 1), (0.2, 0.1, 1)], [(0.1, 0.9, 1)]).unmatched) == 1
    assert len(_match([(0.1, 0.9, 1)], [(0.1, 0.9, 1), (0.2, 0.1, 1)]).unmatched) == 1


def test_only_the_side_that_is_full_may_leave_one_out():
    assert len(_match([(0.1, 0.9, 1)], [(0.1, 0.9, 1), (0.2, 0.5, 1)], size=2).unmatched) == 1
    assert len(_match([(0.1, 0.9, 1), (0.2, 0.5, 1)], [(0.1, 0.9, 1)], size=2).unmatched) == 1


def test_a_score_that_is_no_number_has_no_pair():
    assert len(_match([(0.1, np.nan, 1)], [(0.1, np.nan, 1)]).unmatched) == 2
