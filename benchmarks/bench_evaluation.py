"""What does an evaluation cost, next to pycocotools on the same images?

Peer: pycocotools' COCOeval with the same 2,000 images of 10 objects and 100 detections each, 10 classes; its
data set made of the same dictionaries. Also: what the rest of the Evaluator's numbers take, beside running
the models. Seconds are the processor's.
"""

from __future__ import annotations

import contextlib
import io
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from components.evaluator.analysis import analyse
from components.evaluator.bootstrap import Resamples, resample
from components.evaluator.coco_dataset import as_coco
from components.evaluator.detections import ImageDetections
from components.evaluator.matching import match
from components.evaluator.metrics import coco_metrics
from detection.config.label_map import LabelMap, LabelMapItem

IMAGES = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
CLASSES, OBJECTS, DETECTIONS = 10, 10, 100
ROUNDS = 3
LABELS = LabelMap(tuple(LabelMapItem(i, f"class{i}", f"class{i}") for i in range(1, CLASSES + 1)))


def draw() -> list[ImageDetections]:
    """Each object is found twice; the other detections lie further from one."""
    rng = np.random.default_rng(0)
    images = []
    for _ in range(IMAGES):
        corner = rng.uniform(0, 0.8, (OBJECTS, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(0.02, 0.4, corner.shape)], axis=1)
        classes = rng.integers(1, CLASSES + 1, OBJECTS)
        others = rng.integers(0, OBJECTS, DETECTIONS - 2 * OBJECTS)
        near = np.tile(boxes, (2, 1)) + rng.normal(0, 0.02, (2 * OBJECTS, 4))
        far = boxes[others] + rng.normal(0, 0.2, (len(others), 4))
        found = np.concatenate([near, far])
        found[:, :2] = np.minimum(found[:, :2], found[:, 2:] - 0.01)
        images.append(
            ImageDetections(
                height=480,
                width=640,
                groundtruth_boxes=boxes.astype(np.float32),
                groundtruth_classes=classes,
                detection_boxes=found.astype(np.float32),
                detection_scores=rng.uniform(0, 1, DETECTIONS).astype(np.float32),
                detection_classes=np.concatenate(
                    [classes, classes, rng.integers(1, CLASSES + 1, len(others))]
                ),
            )
        )
    return images


def pycocotools(images: list[ImageDetections]) -> list[float]:
    """COCO's 12 numbers."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth, found = as_coco(images, LABELS, "bbox")
    with contextlib.redirect_stdout(io.StringIO()):
        peers = []
        for dataset in (truth.dataset, found.dataset):
            peer = COCO()
            peer.dataset = dataset
            peer.createIndex()
            peers.append(peer)
        evaluation = COCOeval(*peers, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(value) for value in evaluation.stats]


def seconds(work: Callable[[], Any], rounds: int = ROUNDS) -> tuple[float, Any]:
    """The median of some rounds, and the last result."""
    spent = []
    for _ in range(rounds):
        started = time.process_time()
        result = work()
        spent.append(time.process_time() - started)
    return statistics.median(spent), result


def main() -> None:
    """Print the ratio and the parts."""
    images = draw()
    ours, metrics = seconds(lambda: coco_metrics(images, LABELS))
    peer, expected = seconds(lambda: pycocotools(images), rounds=1)
    worst = max(abs(a - b) for a, b in zip(metrics.coco().values(), expected, strict=True))
    matching, matches = seconds(lambda: match(images, [item.id for item in LABELS.items]))
    analysis, _ = seconds(lambda: analyse(images, matches, LABELS, None))
    intervals, _ = seconds(
        lambda: resample(matches, Resamples(500, 0.95, 17), ["mAP", "mAP_50", "mAP_75"]), 1
    )
    print(f"{IMAGES} images x {DETECTIONS} detections, {CLASSES} classes, seconds of the processor")
    print(f"  pycocotools                 {peer:7.2f}")
    print(
        f"  coco_metrics                {ours:7.2f}   {peer / ours:.1f} times faster, differs by {worst:.0e}"
    )
    print(f"  matches                     {matching:7.2f}")
    print(f"  VOC, confusions, F1, ECE    {analysis:7.2f}")
    print(f"  500 draws for intervals     {intervals:7.2f}")


if __name__ == "__main__":
    main()
