"""What a data set's annotations say that a config must suit. No image is opened."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from components.example_gen.records import ImageRecord

_BOX_SAMPLE = 20_000
_IMAGE_SIZES = 1_000
_CORNERS_ONLY = (".xml", ".csv")  # Pascal VOC and CSV are read for corners alone
_NO_KEYPOINTS = (*_CORNERS_ONLY, ".txt")  # YOLO has polygons too, read where masks are asked for


@dataclass(frozen=True)
class DataFacts:
    """Counts and sizes of a data set.

    Attributes:
      path: the data set of training, for messages.
      images: pictures of all splits; images_train and images_eval are None where the split isn't known.
      boxes_by_class: boxes by class name, as the annotations spell it.
      box_sizes: (width, height) as shares of the image, of at most 20,000 boxes drawn evenly.
      image_sizes: (width, height) in pixels that annotations state, most frequent first, each once.
      boxes_of_densest: boxes of the image that has most.
      masks, keypoints: whether any object has one; None where that isn't known.
      max_label_id: the highest id where the data state ids, else None.
      boxes_by_id: boxes of which the data state the id alone, by id.
      box_centers: (x, y) of the boxes of `box_sizes`, as shares of the image; empty if they aren't known.
      fix_case: whether names that differ from the label map's by case alone are taken for them.
      context_lengths: those of context features' rows, as the images state them, each once; None where that
        isn't known.
    """

    path: str
    images: int
    images_train: int | None
    images_eval: int | None
    boxes_by_class: Mapping[str, int]
    box_sizes: tuple[tuple[float, float], ...]
    image_sizes: tuple[tuple[int, int], ...]
    boxes_of_densest: int
    masks: bool | None
    keypoints: bool | None
    max_label_id: int | None
    boxes_by_id: Mapping[int, int] = field(default_factory=dict)
    box_centers: tuple[tuple[float, float], ...] = ()
    fix_case: bool = False
    context_lengths: tuple[int, ...] | None = None

    @property
    def boxes(self) -> int:
        """Boxes of all classes."""
        return sum(self.boxes_by_class.values()) + sum(self.boxes_by_id.values())


def read_data_facts(train: Path, eval_path: Path | None = None, data_format: str = "auto") -> DataFacts:
    """The facts of a data set that ExampleGen can read; BadInput if it can't.

    Without `eval_path` the split is ExampleGen's to make, so the pictures of each aren't known.
    """
    from components.example_gen.read import read_split

    records = read_split(train, data_format, "train" if eval_path else "")
    if eval_path:
        records = [*records, *read_split(eval_path, data_format, "eval")]
    return facts_of(records, str(train))


def facts_of(records: Sequence[ImageRecord], path: str, fix_case: bool = False) -> DataFacts:
    """The facts of a data set's records. One without a split leaves the pictures of each split unknown."""
    boxes = [box for record in records for box in record.boxes]
    by_split = Counter(record.split for record in records)
    sample = _sample(records)
    annotations = [record.annotation for record in records if record.annotation]
    corners_only = all(file.endswith(_CORNERS_ONLY) for file in annotations)
    return DataFacts(
        path=path,
        images=len(records),
        images_train=None if by_split[""] else by_split["train"],
        images_eval=None if by_split[""] else by_split["eval"],
        boxes_by_class=dict(Counter(box.label for box in boxes if box.label or box.label_id is None)),
        box_sizes=tuple(size for size, _ in sample),
        image_sizes=_image_sizes(records),
        boxes_of_densest=max((len(record.boxes) for record in records), default=0),
        masks=any(box.mask is not None for box in boxes) or (False if corners_only else None),
        keypoints=False if all(file.endswith(_NO_KEYPOINTS) for file in annotations) else None,
        max_label_id=max((box.label_id for box in boxes if box.label_id is not None), default=None),
        boxes_by_id=dict(Counter(b.label_id for b in boxes if not b.label and b.label_id is not None)),
        box_centers=tuple(center for _, center in sample),
        fix_case=fix_case,
        context_lengths=tuple(sorted({record.context.row_length for record in records if record.context})),
    )


Pair = tuple[float, float]


def _sample(records: Iterable[ImageRecord]) -> list[tuple[Pair, Pair]]:
    """Sizes and centres of sound boxes, as shares of their images."""
    good = []
    for record in records:
        width, height = record.frame
        for box in record.boxes if width > 0 and height > 0 else ():
            size = abs(box.xmax - box.xmin) / width, abs(box.ymax - box.ymin) / height
            center = (box.xmax + box.xmin) / 2 / width, (box.ymax + box.ymin) / 2 / height
            if all(math.isfinite(v) and 0 < v <= 1 for v in (*size, *center)):
                good.append((size, center))
    return good if len(good) <= _BOX_SAMPLE else random.Random(0).sample(good, _BOX_SAMPLE)


def _image_sizes(records: Iterable[ImageRecord]) -> tuple[tuple[int, int], ...]:
    stated = Counter((record.width, record.height) for record in records if record.width and record.height)
    return tuple(size for size, _ in stated.most_common(_IMAGE_SIZES))
