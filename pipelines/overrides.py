"""What a trigger may change for one run, with the rules of the form, the REST API and the command lines.

A rule is a JSON schema, since Airflow validates by them. Both environments import this: pydantic alone.
"""

from __future__ import annotations

import argparse
import difflib
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from components.settings import Section
from pipelines.interpolation import SpecError
from pipelines.json_schema import Schema, problem

if TYPE_CHECKING:
    from pipelines.spec import DataSpec

Only = Literal["evaluate", "convert"]
_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"  # characters that start a line or move a cursor
_END = r"$(?!\n)"  # Python's $ alone lets a line break follow
_TRAINING = {"steps", "learning_rate", "publish_anyway"}


class Overrides(Section):
    """What a trigger changes; None: as in the detector's YAML."""

    span: str | None = Field(default=None, description="the name of a delivery of data, as in its path")
    data: str | None = Field(default=None, description="an absolute path, gs://... or s3://...")
    steps: int | None = Field(default=None, description="a whole number from 1 to 10000000")
    learning_rate: float | None = Field(default=None, description="a number above 0, at most 10")
    checkpoint: str | None = Field(default=None, description="an absolute path, or package:DIST:FILE")
    only: Only | None = Field(default=None, description="evaluate or convert")
    force: bool = Field(default=False, description="true or false")
    publish_anyway: str | None = Field(
        default=None, description="the reason in one line, at most 500 characters"
    )


def schemas(data: DataSpec) -> dict[str, Schema]:
    """The rule of every field, for a detector with the section `data`."""
    path: Schema = {"type": ["null", "string"], "maxLength": 1000}
    return {
        "span": _span(data),
        "data": path | {"pattern": rf"^(/|gs://|s3://)[^{_CONTROL}]*{_END}"},
        "steps": {"type": ["null", "integer"], "minimum": 1, "maximum": 10_000_000},
        "learning_rate": {"type": ["null", "number"], "exclusiveMinimum": 0, "maximum": 10},
        "checkpoint": path | {"pattern": rf"^(/|package:)[^{_CONTROL}]*{_END}"},
        "only": {"type": ["null", "string"], "enum": [None, "evaluate", "convert"]},
        "force": {"type": "boolean"},
        "publish_anyway": {
            "type": ["null", "string"],
            "maxLength": 500,
            "pattern": rf"^(?=.*\S)[^{_CONTROL}]*{_END}",
        },
    }


def read_overrides(values: Mapping[str, object], data: DataSpec) -> Overrides:
    """The values of a trigger for a detector with the section `data`, checked.

    Raises SpecError for the first that is unknown or breaks its rule, and for values that exclude each other.
    """
    rules = schemas(data)
    for name, value in values.items():
        if name not in rules:
            near = difflib.get_close_matches(name, rules, n=1, cutoff=0.5)
            fix = f"did you mean {near[0]}?" if near else f"take one of: {', '.join(rules)}"
            raise SpecError(f"unknown param {name}", "the run's parameters", fix)
        found = problem(value, rules[name])
        if found is None and isinstance(value, float) and not math.isfinite(value):
            found = f"{value!r} is no finite number"  # jsonschema lets it pass, and JSON has no such number
        if found is not None:
            raise SpecError(
                f"Invalid input for param {name}: {found}", _option(name), _fix(name, rules[name])
            )
    overrides = Overrides.model_validate(values)
    _require_sense(overrides)
    return overrides


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add an option for every field. Values stay text: the rules judge them, not argparse."""
    parser.add_argument("--span", help="what {span} in the data's paths stands for")
    parser.add_argument("--data", metavar="PATH", help="training data, in place of data.train")
    parser.add_argument("--steps", metavar="N", help="training steps")
    parser.add_argument("--learning-rate", metavar="X", help="the highest learning rate")
    parser.add_argument("--checkpoint", metavar="PATH", help="where to start, in place of model.checkpoint")
    parser.add_argument("--only", metavar="evaluate|convert", help="train and publish nothing")
    parser.add_argument("--force", action="store_true", help="ignore the cache")
    parser.add_argument("--publish-anyway", metavar="REASON", help="publish what the gate refuses, too")


def given(options: Mapping[str, object]) -> dict[str, object]:
    """Those of a command line's options that were given, numbers as numbers."""
    values = {name: options[name] for name in Overrides.model_fields}
    return {
        name: _number(value) if name in ("steps", "learning_rate") else value
        for name, value in values.items()
        if value is not None and value is not False
    }


def _span(data: DataSpec) -> Schema:
    if not data.uses_span:
        return {"type": ["null"]}  # a list: a field whose type isn't one has to be filled in
    numbered = any("{SPAN" in path for path in (*data.train, *(data.eval or ()), *(data.test or ())))
    name = r"[0-9]+(/[0-9]+)?" if numbered else rf"(?=.*\S)[^/{_CONTROL}]+"
    return {"type": ["null", "string"], "maxLength": 100, "pattern": rf"^{name}{_END}"}


def _number(value: object) -> object:
    """The number in a text; what is none stays text, for the rule to refuse."""
    try:
        found = json.loads(str(value))
    except ValueError:
        return value
    return found if isinstance(found, int | float) and not isinstance(found, bool) else value


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _fix(name: str, rule: Schema) -> str:
    if rule["type"] == ["null"]:
        return "leave it out, or put {span} into a path of the detector's YAML"
    return f"give {Overrides.model_fields[name].description}, or leave it out"


def _require_sense(overrides: Overrides) -> None:
    if overrides.only is None:
        return
    for name in overrides.model_dump(include=_TRAINING, exclude_none=True):
        raise SpecError(
            f"{name} makes no sense in a run that trains and publishes nothing",
            f"{_option(name)} beside --only={overrides.only}",
            "leave one of the two out",
        )
