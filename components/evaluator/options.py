"""The sections `evaluate:` and `gate:` of a detector's YAML. Both environments import it: pydantic alone."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from components.settings import Paths, Section

MetricName = Literal["mAP", "mAP_50", "mAP_75"]
Share = Annotated[float, Field(ge=0, le=1)]
_NEEDS = {"folder": (), "name": ("pattern",), "size": ("edges",), "brightness": ("edges",), "csv": ("csv",)}


class SliceOptions(Section):
    """One way to part the evaluation images; each value that they have is a slice."""

    by: Literal["folder", "name", "size", "brightness", "csv"] = Field(
        description="folder: of the image's file; name: `pattern`; size: longer side in pixels; csv: a column"
    )
    pattern: str | None = Field(
        default=None, description="regular expression on the file's name; its first group is the value"
    )
    edges: tuple[float, ...] | None = Field(
        default=None, min_length=1, description="bounds between slices of size or brightness (0 to 255)"
    )
    csv: str | None = Field(default=None, description="CSV file with a column `filename`")
    column: str | None = Field(default=None, description="the CSV's column with the value")

    @model_validator(mode="after")
    def _consistent(self) -> SliceOptions:
        wanted = {*_NEEDS[self.by], *(("column",) if self.by == "csv" else ())}
        given = {name for name in ("pattern", "edges", "csv", "column") if getattr(self, name) is not None}
        if wanted != given:
            needs = " and ".join(f"`{name}`" for name in sorted(wanted)) or "nothing else"
            raise ValueError(f"a slice by {self.by} needs {needs}")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"`pattern` is no regular expression: {error}") from None
        if self.edges is not None and list(self.edges) != sorted(set(self.edges)):
            raise ValueError("`edges` must rise")
        return self


class EvaluateOptions(Section):
    """How the models are measured."""

    batch_size: int = Field(default=8, ge=1, description="images of equal size in a batch, at most")
    operating_score: Share | None = Field(
        default=None,
        description="score from which a detection counts in use; without it, that with the best F1",
    )
    slices: tuple[SliceOptions, ...] = Field(
        default=(), description="parts of the images that are measured too (see evaluation.md)"
    )
    min_slice_images: int = Field(
        default=20, ge=1, description="a slice with fewer images is marked and decides nothing"
    )
    old_eval: Paths | None = Field(
        default=None,
        min_length=1,
        description="TFRecords that the TF1 model was evaluated on, to see what was forgotten",
    )
    resamples: int = Field(default=500, ge=100, description="of the images, for the intervals")
    confidence: float = Field(default=0.95, gt=0.5, lt=1, description="of the intervals")
    seed: int = Field(default=17, ge=0, description="seed of the resamples")


class GateOptions(Section):
    """When a new model may replace the one that serves. Drops are judged with their intervals."""

    metric: MetricName = Field(default="mAP_50", description="the COCO metric that decides, AP likewise")
    floor: Share | None = Field(default=None, description="the least that it must reach")
    class_floors: dict[str, Share] = Field(
        default_factory=dict, description="the least AP of single classes, by name"
    )
    drop: Share | None = Field(
        default=0.0, description="the most that it may fall below the baseline; null: not asked"
    )
    class_drop: Share | None = Field(default=None, description="the same for each class's AP")
    slice_drop: Share | None = Field(default=None, description="the same for each slice")
    old_classes_drop: Share | None = Field(
        default=None, description="the same for the classes that the TF1 model knew, against it as well"
    )
    latency_ms: float | None = Field(
        default=None, gt=0, description="the longest that one image may take, batch 1"
    )
    size_mb: float | None = Field(
        default=None, gt=0, description="the largest that the SavedModel may be, in 10^6 bytes"
    )
    proof: bool = Field(default=True, description="whether the conversion must be proved")

    @model_validator(mode="after")
    def _has_floor(self) -> GateOptions:
        if self.floor is None and not self.class_floors:
            raise ValueError("a gate without a floor lets any model pass: give `floor` or `class_floors`")
        return self
