"""What does an evaluation cost, next to pycocotools on the same images?

Peer: pycocotools' COCOeval with the same 2,000 images of 10 objects and 100 detections each, 10 classes. The
dictionaries that it reads are made beforehand; what it takes starts with its index of them. faster-coco-eval
is measured in the same way, as what else could be used. Both sides in turn, and the median of the rounds.
Also: what the rest of the Evaluator's numbers take, beside running the models. Seconds are the processor's.
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
from components.evaluator.detections import ImageDetections
from components.evaluator.flat_images import FlatBoxes, flatten
from components.evaluator.matching import match
from components.evaluator.metrics import coco_metrics, metrics_of
from detection.config.label_map import LabelMap, LabelMapItem

IMAGES = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
CLASSES, OBJECTS, DETECTIONS = 10, 10, 100
ROUNDS = 3
LABELS = LabelMap(tuple(LabelMapItem(i, f"class{i}", f"class{i}") for i in range(1, CLASSES + 1)))
IDS = [item.id for item in LABELS.items]


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


def data_sets(images: list[ImageDetections]) -> list[dict[str, Any]]:
    """Groundtruth and detections as COCO writes them."""
    flat = flatten(images)
    described = {
        "images": [
            {"id": number, "height": one.height, "width": one.width} for number, one in enumerate(images)
        ],
        "categories": [{"id": item.id, "name": item.name} for item in LABELS.items],
    }
    truth, found = _annotations(flat.objects), _annotations(flat.detections)
    for annotation, score in zip(found, flat.scores.tolist(), strict=True):
        annotation["score"] = score
    return [described | {"annotations": truth}, described | {"annotations": found}]


def _annotations(boxes: FlatBoxes) -> list[dict[str, Any]]:
    columns = (boxes.image.tolist(), boxes.classes.tolist(), boxes.xywh.tolist(), boxes.area.tolist())
    return [
        {"id": number, "image_id": image, "category_id": one, "bbox": box, "area": area, "iscrowd": 0}
        for number, (image, one, box, area) in enumerate(zip(*columns, strict=True), start=1)
    ]


def pycocotools(sets: list[dict[str, Any]]) -> list[float]:
    """COCO's 12 numbers."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        peers = []
        for one in sets:
            peer = COCO()
            peer.dataset = one
            peer.createIndex()
            peers.append(peer)
        return _numbers(COCOeval(*peers, "bbox"))


def faster_coco_eval(sets: list[dict[str, Any]]) -> list[float]:
    """The same numbers."""
    from faster_coco_eval import COCO
    from faster_coco_eval.core.faster_eval_api import COCOeval_faster

    return _numbers(COCOeval_faster(*(COCO(one) for one in sets), iouType="bbox"))


def _numbers(evaluation: Any) -> list[float]:
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return [float(value) for value in evaluation.stats[:12]]


def seconds(
    sides: dict[str, Callable[[], Any]], rounds: int = ROUNDS
) -> tuple[dict[str, float], dict[str, Any]]:
    """The median of some rounds of each side, taken in turn, and the last results."""
    spent: dict[str, list[float]] = {name: [] for name in sides}
    results = {}
    for _ in range(rounds):
        for name, work in sides.items():
            started = time.process_time()
            results[name] = work()
            spent[name].append(time.process_time() - started)
    return {name: statistics.median(values) for name, values in spent.items()}, results


def main() -> None:
    """Print the ratios and the parts."""
    images = draw()
    sets = data_sets(images)
    sides = {
        "pycocotools": lambda: pycocotools(sets),
        "faster-coco-eval": lambda: faster_coco_eval(sets),
        "coco_metrics": lambda: coco_metrics(images, LABELS),
    }
    took, results = seconds(sides)
    worst = max(
        abs(a - b)
        for a, b in zip(results["coco_metrics"].coco().values(), results["pycocotools"], strict=True)
    )
    matches = match(images, IDS)
    draws = Resamples(500, 0.95, 17)
    parts, _ = seconds(
        {
            "matches": lambda: match(images, IDS),
            "COCO's numbers from them": lambda: metrics_of(matches, images, LABELS),
            "VOC, confusions, F1, ECE": lambda: analyse(images, matches, LABELS, None),
            "500 draws for intervals": lambda: resample(matches, draws, ["mAP", "mAP_50", "mAP_75"]),
        }
    )
    print(f"{IMAGES} images x {DETECTIONS} detections, {CLASSES} classes, seconds of the processor")
    for name, value in took.items():
        print(f"  {name:26} {value:7.2f}   {took['pycocotools'] / value:5.1f} times as fast as pycocotools")
    print(f"  coco_metrics differs by {worst:.0e} at most")
    print("parts of an evaluation")
    for name, value in parts.items():
        print(f"  {name:26} {value:7.2f}")
    total = sum(parts.values())
    print(
        f"  {'all of them':26} {total:7.2f}   {took['pycocotools'] / total:5.1f} times as fast as pycocotools"
    )


if __name__ == "__main__":
    main()
