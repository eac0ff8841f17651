"""Loads a copied model and runs it on one picture, before anybody is served by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from components.evaluator.detector import SavedDetector
from components.evaluator.smoke_test import SmokeTest
from detection.errors import Failed

TOLERANCE = 1e-4  # boxes in parts of the image, scores in 0..1; another processor rounds otherwise


def verify_detections(version_dir: Path, test: SmokeTest) -> None:
    """Raises Failed unless the model in `version_dir` finds in `test.image` what the Evaluator's found."""
    (found,) = SavedDetector(version_dir).detect(test.image[np.newaxis])
    if len(found.scores) != len(test.scores):
        raise _differs(version_dir, f"{len(found.scores)} detections, not {len(test.scores)}")
    if not np.array_equal(found.classes, test.classes):
        raise _differs(version_dir, "other classes")
    for name, here, there in (("boxes", found.boxes, test.boxes), ("scores", found.scores, test.scores)):
        difference = float(np.max(np.abs(here - there), initial=0.0))
        if not difference <= TOLERANCE:
            raise _differs(version_dir, f"{name} that differ by {difference:.1e}, more than {TOLERANCE:.0e}")


def _differs(version_dir: Path, how: str) -> Failed:
    return Failed(
        f"the copied model does not detect what the evaluated one did: {how}",
        str(version_dir),
        "run the Evaluator and the Pusher again, on one kind of machine; serving is unchanged",
    )
