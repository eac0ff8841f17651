"""The conversion's report: what became of every variable and every class, and how close the proof is."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

TRAINING_STATE = "training_state"  # what training leaves beside the model: slots, averages, counters


class Block(BaseModel):
    """Variables of one part of the model.

    The model has `wanted` = `loaded` + `fresh`. `fresh` ones keep initial values, wholly or for new classes.
    `dropped` are variables of the checkpoint that the model does not take.
    """

    block: str
    wanted: int
    loaded: int
    fresh: int
    dropped: int


class Variable(BaseModel):
    """One variable by TF1 name, and why it is in its state.

    The hashes are of the values in the source and in the written model; None where there is no value, or
    where it was not read (optimizer slots).
    """

    name: str
    block: str
    state: Literal["loaded", "fresh", "dropped"]
    reason: str
    hash_before: str | None
    hash_after: str | None


class ClassRow(BaseModel):
    """One class of the model and the checkpoint's class whose row it starts from; `source_id` None: fresh.

    `suggestion` is an unused class of the checkpoint that is spelled nearly the same.
    """

    id: int
    name: str
    source_id: int | None
    suggestion: str | None = None


class ClassHead(BaseModel):
    """How the class head was carried over: one row a class, the background always kept.

    `how` is "name" with both label maps, "id" if only the number of classes is known and it is the same,
    "fresh" if the checkpoint's classes are unknown and their number is another, and "none" if the checkpoint
    is a classifier, without a class head.
    """

    how: Literal["name", "id", "fresh", "none"]
    classes_before: int
    classes_after: int
    rows: list[ClassRow]
    left_behind: list[str]

    @property
    def carried(self) -> int:
        """How many classes start from a row of the checkpoint."""
        return sum(row.source_id is not None for row in self.rows)

    @property
    def is_unchanged(self) -> bool:
        """Whether no row has to move."""
        if self.how == "none":
            return True
        same = all(row.source_id == row.id for row in self.rows)
        return same and self.classes_before == self.classes_after

    def describe(self) -> str:
        """One line for people."""
        if self.how == "name":
            return f"class head: {self.carried} of {len(self.rows)} rows by name"
        if self.how == "id":
            return (
                f"class head: all {len(self.rows)} rows, taken for the same classes: "
                "their number is the same and the checkpoint's label map is not given"
            )
        if self.how == "none":
            return f"class head: 0 of {len(self.rows)} rows: the checkpoint is a classifier"
        return (
            f"class head: 0 of {len(self.rows)} rows: "
            "the number of classes differs and the checkpoint's label map is not given"
        )


class ComparedTensor(BaseModel):
    """One tensor's largest differences from the TF1 graph's, over the images of a proof.

    `max_relative` is relative to the largest absolute value of the TF1 tensor on the same image.
    """

    block: str
    tensor: str
    max_absolute: float
    max_relative: float


class Roundings(BaseModel):
    """Of a network that rounds to 8 bits inside; it was proved on the TF1 graph's own input to each rounding.

    The rest is for people, and not judged; both are relative to the tensor's largest value. `apart`: how far
    the raw predictions are from each other where each side rounds what it computed. `moved_by_noise`: how far
    `noise` in the preprocessed image moves the TF1 graph's own; None where that image is not in the graph.
    """

    places: int
    apart: float
    noise: float
    moved_by_noise: float | None


class Proof(BaseModel):
    """Largest differences between the converted model and the TF1 graph, from the same uint8 images.

    `max_difference_raw` is relative to the largest absolute value of the TF1 tensor; boxes are in normalised
    coordinates, scores in 0..1. `tensors` has the raw predictions, of a single-shot detector what becomes of
    drawn ones (see proof_postprocessing), and the matched detections; older reports have none.
    `replayed_images`: on how many the detections are of the TF1 graph's own raw predictions, since rounding
    in the model's tipped an overlap at the NMS's threshold. `roundings`: of a network that rounds to 8 bits,
    see there.
    """

    images: int
    image_source: str
    max_difference_raw: float
    max_difference_boxes: float
    max_difference_scores: float
    matched_detections: int
    tolerance: float
    passed: bool
    replayed_images: int = 0
    tensors: list[ComparedTensor] = []
    roundings: Roundings | None = None


class ConversionReport(BaseModel):
    """Everything about one conversion; written as report.json and report.md. `proof` None: unproved."""

    source: str
    kind: str
    architecture: str
    num_classes_checkpoint: int
    num_classes_model: int
    class_head: ClassHead
    blocks: list[Block]
    variables_total: int
    variables_loaded: int
    variables: list[Variable]
    notes: list[str]
    proof: Proof | None
    seconds: float

    def of_state(self, state: Literal["loaded", "fresh", "dropped"]) -> list[Variable]:
        """The variables in this state."""
        return [variable for variable in self.variables if variable.state == state]
