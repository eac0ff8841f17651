"""What passes between the readers, the checks and the writer of ExampleGen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detection.errors import BadInput

# A code is stable: reports, tests and docs name it.
RULES = {
    "DATA001": "the image can't be decoded",
    "DATA002": "an annotation without its image",
    "DATA003": "an image without annotation",
    "DATA004": "the annotated size differs from the image's",
    "DATA005": "the image is stored turned (EXIF orientation)",
    "DATA006": "a box reaches outside by rounding",
    "DATA007": "a box reaches far outside the image",
    "DATA008": "a box's corners are reversed",
    "DATA009": "a box without area",
    "DATA010": "a label that isn't in the label map",
    "DATA011": "the same image in training and evaluation",
    "DATA012": "not an RGB JPEG or PNG",
    "DATA013": "the annotation can't be read",
    "DATA014": "a coordinate that isn't a number",
    "DATA015": "no usable box is left of those annotated",
}

SPLITS = ("train", "eval")

Action = Literal["quarantined", "kept", "clipped", "swapped", "rescaled", "turned", "converted", "ignored"]


class DataOptions(BaseModel):
    """Where a data set lies and how it is split; the fields of `data` in a detector's YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["voc", "csv", "auto"] = "auto"
    train: Path
    eval: Path | None = None
    label_map: Path
    eval_fraction: float = Field(default=0.2, gt=0.0, lt=1.0)
    max_quarantined: float = Field(default=0.05, ge=0.0, le=1.0)


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


@dataclass(frozen=True)
class BoxRecord:
    """One annotated object as it stands in its file: pixels, unchecked; NaN where no number stood."""

    place: str  # "object 2" of an XML, "row 17" of a CSV
    label: str
    xmin: float
    ymin: float
    xmax: float
    ymax: float
    difficult: bool = False
    truncated: bool = False


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class ImageRecord:
    """One image with its annotation, or an annotation that has lost its image.

    `split` is "train", "eval", or "" where the image's content decides. `name` is the image's path below its
    split's folder (the annotation's, without an image). `width` and `height` are those the annotation states,
    0 where it states none. `problem` is a reader's reason to set the whole image aside.
    """

    split: str
    name: str
    image: Path | None
    annotation: Path | None
    boxes: tuple[BoxRecord, ...] = ()
    width: int = 0
    height: int = 0
    problem: Finding | None = None


@dataclass(frozen=True)
class GoodBox:
    """A checked object: corners normalised to 0..1 in the upright image, and its label map id."""

    ymin: float
    xmin: float
    ymax: float
    xmax: float
    label: str
    label_id: int
    difficult: bool
    truncated: bool
