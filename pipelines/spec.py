"""DetectorSpec: one YAML in detectors/, validated. Both environments import this: pydantic, PyYAML."""

from __future__ import annotations

import difflib
import re
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

from components.evaluator.options import EvaluateOptions, GateOptions
from components.settings import Paths, Section
from components.trainer.options import ExportOptions, TrainOptions
from pipelines.interpolation import Location, SpecError, expand, expand_path, load_yaml
from pipelines.nodes import NODES, READS
from pipelines.orchestration import AlertsSpec, ContainersSpec, ScheduleSpec, TasksSpec
from pipelines.overrides import add_options, given, schemas

# `dags` imports nothing else of the project than this module.
__all__ = ["NODES", "READS", "DetectorSpec", "SpecError", "add_options", "given", "schemas"]

PACKAGE = "package:"
# What YAML makes of a text without quotes.
_NOT_TEXT = {int: "a number", float: "a number", bool: "a yes or no", date: "a date", datetime: "a time"}


class ModelSpec(Section):
    """The TF1 detector to start from."""

    pipeline_config: str = Field(description="the pipeline.config it was trained with")
    checkpoint: str = Field(
        description="TF1 checkpoint prefix or directory, frozen graph (.pb), SavedModel, or package:DIST:FILE"
    )
    label_map: str | None = Field(
        default=None,
        description="the label map it was trained with, to keep its classes and compare them by name",
    )
    weights: Literal["averages", "raw", "config"] = Field(
        default="config",
        description="a training checkpoint's moving averages or raw values; config: as eval_config says",
    )
    prove: bool = Field(
        default=True, description="whether the conversion is proved; if not, it is recorded as unproved"
    )
    allow: list[Annotated[str, Field(pattern=r"^CFG\d{3}$")]] = Field(
        default_factory=list,
        description="codes of findings that stop no run and that no fix is made for; it is recorded",
    )


class DriftSpec(Section):
    """How far the data may move from the span before."""

    class_frequency: float | None = Field(
        default=0.1, gt=0, le=1, description="the most that a class's share of the boxes may change"
    )
    box_size: float | None = Field(
        default=0.1, gt=0, le=1, description="the most that the distribution of box sizes may move"
    )
    action: Literal["warn", "stop"] = Field(default="warn", description="what happens beyond them")


class DataSpec(Section):
    """The pictures and boxes to learn. `{span}` in a path stands for one delivery of data."""

    format: Literal["voc", "coco", "csv", "yolo", "tfrecord", "images", "auto"] = Field(
        default="auto", description="how the boxes are written; auto looks"
    )
    train: Paths = Field(
        min_length=1, description="folder or file with training data, or a list of them; gs:// and s3:// too"
    )
    eval: Paths | None = Field(
        default=None,
        min_length=1,
        description="the same for evaluation; without it, what the data set states, or a part of train",
    )
    test: Paths | None = Field(
        default=None, min_length=1, description="the same for a third split, which no node reads"
    )
    label_map: str = Field(description="the classes to learn, a label_map.pbtxt")
    eval_fraction: float = Field(
        default=0.2, gt=0, lt=1, description="part of train to evaluate on, without `eval`"
    )
    test_fraction: float = Field(
        default=0.0, ge=0, lt=1, description="part of train for a third split, without `eval` and `test`"
    )
    max_quarantined: float = Field(
        default=0.05, ge=0, le=1, description="fail when a larger part of the data is bad"
    )
    negatives: bool = Field(
        default=True, description="whether images without annotation are kept, as pictures of no object"
    )
    fix_case: bool = Field(
        default=False, description="whether a label that differs only by case is taken for the map's"
    )
    masks: bool = Field(default=False, description="whether masks are read and written, where there are any")
    max_side: int | None = Field(
        default=None, ge=32, description="larger images are written smaller: their longer side in pixels"
    )
    compress: bool = Field(
        default=False, description="whether the TFRecords are gzipped; pictures hardly shrink"
    )
    allow_leak: bool = Field(default=False, description="whether an image may be in two splits")
    span: str | None = Field(
        default=None, description="the span, where neither the trigger's nor the newest is wanted"
    )
    spans: int = Field(default=1, ge=1, description="how many spans are read together, the last ones")
    drift: DriftSpec | None = Field(
        default=None, description="how far the data may move from the span before (see data.md)"
    )

    @property
    def uses_span(self) -> bool:
        """Whether a path has a place for a span in it."""
        paths = (*self.train, *(self.eval or ()), *(self.test or ()), self.label_map)
        return any("{span}" in path or "{SPAN" in path for path in paths)


class PublishSpec(Section):
    """Where a blessed model goes."""

    destination: str | None = Field(
        default=None, description="serving directory, s3:// or gs://; default HOME/NAME/serving"
    )
    keep_versions: int | None = Field(
        default=None,
        ge=1,
        description="how many published versions stay; the live one and the one before it always do",
    )


class DetectorSpec(Section):
    """One detector: what to start from, what to learn, when it is good enough, where it serves."""

    paths: ClassVar[frozenset[Location]] = frozenset(
        {
            ("model", "pipeline_config"),
            ("model", "checkpoint"),
            ("model", "label_map"),
            ("data", "train"),
            ("data", "eval"),
            ("data", "test"),
            ("data", "label_map"),
            ("evaluate", "slices", "csv"),
            ("evaluate", "old_eval"),
            ("publish", "destination"),
            ("schedule", "watch"),
        }
    )
    # Kept as they are written: a value with a secret in it must not reach a plan or a stored DAG.
    references: ClassVar[frozenset[Location]] = frozenset({("alerts", "to")})

    name: str = Field(description="lower case letters, digits, - and _; names its folder, DAG and versions")
    description: str = Field(default="", description="what it detects, for people")
    model: ModelSpec
    data: DataSpec
    train: TrainOptions = TrainOptions()
    export: ExportOptions = ExportOptions()
    evaluate: EvaluateOptions = EvaluateOptions()
    gate: GateOptions = Field(description="what a new model must reach to be published, with a floor")
    publish: PublishSpec = PublishSpec()
    schedule: ScheduleSpec = ScheduleSpec()
    executor: Literal["process", "docker", "kubernetes"] = Field(
        default="process", description="what Airflow runs its nodes in"
    )
    tasks: TasksSpec = TasksSpec()
    containers: ContainersSpec = ContainersSpec()
    alerts: AlertsSpec = AlertsSpec()
    beam_args: list[str] = Field(
        default_factory=list,
        description="options of Beam for ExampleGen; without any it works inside the node's process",
    )

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", value):
            raise ValueError("a name has lower case letters, digits, - and _ only, and at most 63 of them")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> DetectorSpec:
        self.containers.check(self.executor)
        if self.gate.proof and not self.model.prove:
            raise ValueError("gate.proof wants a proof, and model.prove switches it off: no model would pass")
        if self.model.label_map is None:
            if self.evaluate.old_eval:
                raise ValueError("evaluate.old_eval needs model.label_map: old classes are known by name")
            if self.gate.old_classes_drop is not None:
                raise ValueError("gate.old_classes_drop needs model.label_map: old classes are known by name")
        if self.gate.slice_drop is not None and not self.evaluate.slices:
            raise ValueError("gate.slice_drop needs evaluate.slices: there are none to look at")
        if self.schedule.span is not None and not self.data.uses_span:
            raise ValueError(
                "schedule.span needs a path in `data` with {span} in it: there is no place for it"
            )
        return self

    @classmethod
    def from_file(cls, path: str | Path) -> DetectorSpec:
        """Read and validate a detector's YAML; paths come back absolute.

        Raises SpecError (what, where with the line, fix) for anything that can't be used.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise SpecError(
                f"can't read the detector's YAML: {reason}",
                str(path),
                "give the path of a YAML in detectors/",
            ) from None
        return cls.from_text(text, str(path), path.resolve().parent)

    @classmethod
    def from_text(cls, text: str, source: str, base: Path) -> DetectorSpec:
        """Validate the YAML in `text`; relative paths start at `base`. Raises SpecError."""
        raw, lines = load_yaml(text, source)
        data = _expand_tree(raw, (), base, source, lines)
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise _spec_error(error, source, lines) from None


def _where(source: str, location: Location, lines: dict[Location, int]) -> str:
    for length in range(len(location), 0, -1):
        if location[:length] in lines:
            return f"{source}:{lines[location[:length]]}"
    return source


def _expand_tree(value: Any, at: Location, base: Path, source: str, lines: dict[Location, int]) -> Any:
    if isinstance(value, dict):
        return {key: _expand_tree(item, (*at, str(key)), base, source, lines) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand_tree(item, at, base, source, lines) for item in value]
    if not isinstance(value, str):
        return value
    where = _where(source, at, lines)
    if at in DetectorSpec.references:
        return value
    if at in DetectorSpec.paths and value and not value.startswith(PACKAGE):
        return expand_path(value, base, where)
    return expand(value, where)


def _on_the_way(location: Location) -> tuple[type[BaseModel], FieldInfo | None]:
    """The deepest section and field on the way to a location; a mapping's keys are no fields."""
    section: Any = DetectorSpec
    field = None
    for part in location:
        found = getattr(section, "model_fields", {}).get(part)
        if found is None:
            break
        field, annotation = found, found.annotation
        inner = next((a for a in get_args(annotation) if hasattr(a, "model_fields")), annotation)
        if not hasattr(inner, "model_fields"):
            break
        section = inner
    return section, field


def _section_fields(location: Location) -> list[str]:
    return list(_on_the_way(location)[0].model_fields)


def _description(location: Location) -> str:
    field = _on_the_way(location)[1]
    return (field.description if field else None) or f"the `{location[-1]}` section"


def _spec_error(error: ValidationError, source: str, lines: dict[Location, int]) -> SpecError:
    """The first problem as SpecError; how many more there are is said in it."""
    # A misspelt key also makes its right name missing; the spelling is what to say.
    problems = sorted(
        error.errors(include_url=False), key=lambda problem: problem["type"] != "extra_forbidden"
    )
    first = problems[0]
    location = tuple(str(part) for part in first["loc"] if isinstance(part, str))
    name = ".".join(location)
    where = _where(source, location, lines)
    if first["type"] == "extra_forbidden":
        known = _section_fields(location[:-1])
        near = difflib.get_close_matches(location[-1], known, n=1, cutoff=0.5)
        what = f"unknown key `{name}`"
        fix = f"did you mean `{near[0]}`?" if near else f"the keys here are: {', '.join(known)}"
    elif first["type"] == "missing":
        what = f"`{name}` is missing"
        fix = f"add `{name}`: {_description(location)}"
    elif first["type"] == "string_type" and type(first["input"]) in _NOT_TEXT:
        what = f"`{name}` is text, and YAML reads {first['input']} as {_NOT_TEXT[type(first['input'])]}"
        fix = f'put it in quotes: `{location[-1]}: "..."`'
    else:
        message = first["msg"].removeprefix("Value error, ")
        # a section's own rule names its fields; the section's values would bury it
        got = "" if isinstance(first["input"], dict) else f", got {first['input']!r}"
        what = f"`{name}`: {message}{got}" if name else message
        is_field = name and not isinstance(first["input"], dict)
        fix = f"`{name}` is {_description(location)}" if is_field else "correct the values"
    if len(problems) > 1:
        what += f" (and {len(problems) - 1} more)"
    return SpecError(what, where, fix)
