"""What passes between the readers, the checks and the writer of ExampleGen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any, Literal, NamedTuple

from pydantic import (
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from components.example_gen.rules import RULES
from components.example_gen.sources import ImageSource
from components.settings import Paths, Section
from detection.errors import BadInput

Action = Literal[
    "quarantined",  # set aside: a fault
    "left out",  # set aside, because the options or the format say so; no fault
    "kept",
    "clipped",
    "swapped",
    "corrected",
    "rescaled",
    "turned",
    "converted",
    "downscaled",
    "ignored",
]
DataFormat = Literal["voc", "coco", "csv", "yolo", "tfrecord", "images", "auto"]


class DriftOptions(Section):
    """How far the data may move from the span before; `data.drift` in a detector's YAML."""

    class_frequency: float | None = Field(
        default=0.1, gt=0, le=1, description="the most that a class's share of the boxes may change"
    )
    box_size: float | None = Field(
        default=0.1, gt=0, le=1, description="the most that the distribution of box sizes may move"
    )
    action: Literal["warn", "stop"] = Field(default="warn", description="what happens beyond them")


class DataOptions(Section):
    """Where a data set lies and how it is split; the fields of `data` in a detector's YAML.

    `train`, `eval` and `test` are folders or files, one or several, on this machine, in gs:// or s3://; one
    is written as a plain string. What isn't given is taken from `train` by the hash of each image's content.
    """

    format: DataFormat = "auto"
    train: Paths = Field(min_length=1)
    eval: Paths | None = Field(default=None, min_length=1)
    test: Paths | None = Field(default=None, min_length=1)
    label_map: str = Field(min_length=1)
    eval_fraction: float = Field(default=0.2, gt=0.0, lt=1.0)
    test_fraction: float = Field(default=0.0, ge=0.0, lt=1.0)
    max_quarantined: float = Field(default=0.05, ge=0.0, le=1.0)
    negatives: bool = True  # whether images without annotation are kept, as pictures of no object
    fix_case: bool = False  # whether a label that differs only by case is taken for the map's
    masks: bool = False
    max_side: int | None = Field(default=None, ge=32)  # longer images are written smaller; pixels
    compress: bool = False  # pictures are compressed already: gzip costs more than it saves
    allow_leak: bool = False
    span: str | None = None  # None: the newest
    spans: int = Field(default=1, ge=1)  # so many together, up to and with `span`
    drift: DriftOptions | None = None

    @field_validator("label_map", mode="before")
    @classmethod
    def _label_map_as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, PurePath) else value

    @model_validator(mode="after")
    def _room_for_training(self) -> DataOptions:
        if self.eval_fraction + self.test_fraction >= 1:
            raise ValueError("eval_fraction and test_fraction together must be less than 1")
        if self.test_fraction and (self.eval or self.test):
            raise ValueError("test_fraction takes a part of train: leave it out where eval or test is given")
        return self

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that are written: train and eval, and test where it is given or has a share."""
        return ("train", "eval", "test") if self.test or self.test_fraction else ("train", "eval")

    def given(self, split: str) -> tuple[str, ...]:
        """The paths that the options name for a split; none where it is taken from `train`."""
        return {"train": self.train, "eval": self.eval or (), "test": self.test or ()}[split]

    def place(self, split: str) -> str:
        """Where a split's data come from, for messages."""
        return ", ".join(self.given(split) or self.train)


def as_options(data: DataOptions | Mapping[str, Any]) -> DataOptions:
    """The typed form of a mapping; raises BadInput that names each wrong field."""
    if isinstance(data, DataOptions):
        return data
    try:
        return DataOptions.model_validate(dict(data))
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise BadInput(
            f"the data options are wrong: {faults}", "data", "correct the fields named above"
        ) from error


@dataclass(frozen=True, slots=True)
class Finding:
    """One departure from a clean data set and what was done about it: a line of quarantine.jsonl."""

    file: str
    object: str | None
    code: str
    action: Action
    detail: str

    def row(self) -> dict[str, Any]:
        """The JSON form, with the rule in words."""
        return {**asdict(self), "rule": RULES[self.code]}


class Outline(NamedTuple):
    """An object's shape as the annotation says it, undrawn: `segmentation` is COCO's, as JSON.

    A list of polygons [x1, y1, x2, y2, ...], in pixels or in shares of the image, or run lengths.
    """

    segmentation: str
    shares: bool = False


# The three that there are many of are tuples: made, pickled and read again at a third of a dataclass's cost.
class BoxRecord(NamedTuple):
    """One annotated object as it stands in its file, unchecked; NaN where no number stood.

    The corners are pixels, or shares of the image where its ImageRecord says so.
    """

    place: str  # "object 2" of an XML, "row 17" of a CSV, "annotation 411" of a COCO JSON, "line 3" of YOLO
    label: str
    xmin: float
    ymin: float
    xmax: float
    ymax: float
    difficult: bool = False
    truncated: bool = False
    crowd: bool = False
    mask: bytes | Outline | None = None  # a grey PNG of the image's size, or its outline; where it is wanted
    label_id: int | None = None  # as the data state it; the label map's where `label` is ""
    problem: Finding | None = None  # a reader's reason to set it aside


class ContextPlace(NamedTuple):
    """Where the Example with context features lies: they may be megabytes, and are read with the image."""

    offset: int  # in the file of the image's source
    size: int  # of the whole Example, in bytes
    row_length: int  # of its rows, as it states it; 0 where it doesn't


class ImageRecord(NamedTuple):
    """One image with its annotation, or an annotation that has lost its image.

    `split` is "train", "eval", "test", or "" where the image's content decides. `name` is the image's path
    below its split's folder (the annotation's, without an image). `annotation` is the file that describes
    it, None for an image that nothing describes. `width` and `height` are those the annotation states, 0
    where it states none. `problem` is a reader's reason to set the whole image aside. `notes` are what a
    reader found besides and that sets nothing aside; the first record carries those about the whole file.
    `context` says where context features lie, if there are any.
    """

    split: str
    name: str
    source: ImageSource | None
    annotation: str | None
    boxes: tuple[BoxRecord, ...] = ()
    width: int = 0
    height: int = 0
    problem: Finding | None = None
    notes: tuple[Finding, ...] = ()
    shares: bool = False  # the boxes are shares of the upright image: YOLO, TFRecords
    stated_format: str | None = None  # what a TFRecord's image/format says; None: it isn't a TFRecord's
    context: ContextPlace | None = None

    @property
    def frame(self) -> tuple[int, int]:
        """(width, height) that divides the boxes' corners into shares; a 0 where it isn't known."""
        return (1, 1) if self.shares else (self.width, self.height)


class GoodBox(NamedTuple):
    """A checked object: corners normalised to 0..1 in the upright image, and its label map id."""

    ymin: float
    xmin: float
    ymax: float
    xmax: float
    label: str
    label_id: int
    difficult: bool
    truncated: bool
    crowd: bool = False
    mask: bytes | None = None  # PNG, 8-bit grey, 0 or 255, of the written image's size


def with_notes(records: list[ImageRecord], notes: Iterable[Finding]) -> list[ImageRecord]:
    """The records, the first with these notes before its own; they speak of the whole file."""
    notes = tuple(notes)
    return [records[0]._replace(notes=(*notes, *records[0].notes)), *records[1:]] if records else []
