"""The rules of what a trigger may change, as every command line applies them."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from pipelines.overrides import Overrides, add_options, given, read_overrides, schemas
from pipelines.spec import DataSpec, SpecError

DATA = DataSpec(train=("data/{span}",), label_map="map.pbtxt")
NUMBERED = DataSpec(train=("data/{SPAN}/v{VERSION}",), label_map="map.pbtxt")
PLAIN = DataSpec(train=("data",), label_map="map.pbtxt")


def parse(*arguments: str) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return given(vars(parser.parse_args(arguments)))


def test_a_command_line_gives_what_was_given() -> None:
    assert parse() == {}
    assert parse("--steps=7", "--learning-rate=1e-3", "--span=2026-11 a", "--force") == {
        "span": "2026-11 a",
        "steps": 7,
        "learning_rate": 0.001,
        "force": True,
    }
    reason = "--force is not an option here"
    assert parse(f"--publish-anyway={reason}", "--only=evaluate") == {
        "only": "evaluate",
        "publish_anyway": reason,
    }


def test_every_field_has_a_rule_and_an_option() -> None:
    parser = argparse.ArgumentParser()
    add_options(parser)
    assert set(Overrides.model_fields) == set(schemas(DATA)) == set(vars(parser.parse_args([])))


@pytest.mark.parametrize(
    "values",
    [
        {"steps": 1, "learning_rate": 10, "publish_anyway": "the old one fails on Tuesdays: «ü» {{ x }}"},
        {"steps": 5.0, "learning_rate": None, "span": None},
        {"span": "2026-11 a", "data": "/data/new", "checkpoint": "/models/model.ckpt"},
        {"data": "gs://bucket/new", "checkpoint": "package:some-detector:a/graph.pb", "only": "convert"},
        {"only": None, "force": True},
        {"only": "evaluate", "data": "s3://bucket/new"},
    ],
)
def test_what_may_be(values: dict[str, object]) -> None:
    found = read_overrides(values, DATA)
    assert found.model_dump(include=set(values)) == values


@pytest.mark.parametrize(
    ("values", "said", "fix"),
    [
        ({"steps": 0}, "steps: 0 is less than the minimum of 1", "a whole number from 1 to 10000000"),
        ({"steps": 10**8}, "steps: 100000000 is greater than the maximum of 10000000", "a whole number"),
        ({"steps": "x"}, "steps: 'x' is not of type 'null', 'integer'", "a whole number"),
        ({"steps": True}, "steps: True is not of type 'null', 'integer'", "a whole number"),
        ({"steps": 1.5}, "steps: 1.5 is not of type 'null', 'integer'", "a whole number"),
        (
            {"learning_rate": 0},
            "learning_rate: 0 is less than or equal to the minimum of 0",
            "a number above 0, at most 10",
        ),
        ({"learning_rate": 11}, "learning_rate: 11 is greater than the maximum of 10", "a number above 0"),
        ({"learning_rate": float("nan")}, "learning_rate: nan is no finite number", "a number above 0"),
        ({"span": "../secret"}, "span: '../secret' does not match ", "as in its path"),
        ({"span": "a\nb"}, "span: 'a\\nb' does not match ", "as in its path"),
        ({"span": "a\n"}, "span: 'a\\n' does not match ", "as in its path"),
        ({"span": " "}, "span: ' ' does not match ", "as in its path"),
        ({"span": "a" * 101}, f"span: '{'a' * 101}' is too long", "as in its path"),
        ({"data": "data/new"}, "data: 'data/new' does not match ", "an absolute path, gs://... or s3://..."),
        ({"data": "/data\n/new"}, "data: '/data\\n/new' does not match ", "an absolute path"),
        ({"data": ["/data"]}, "data: ['/data'] is not of type 'null', 'string'", "an absolute path"),
        ({"checkpoint": "gs://b/model.ckpt"}, "checkpoint: 'gs://b/model.ckpt' does not match ", "package:"),
        (
            {"only": "train"},
            "only: 'train' is not one of [None, 'evaluate', 'convert']",
            "evaluate or convert",
        ),
        ({"force": "yes"}, "force: 'yes' is not of type 'boolean'", "true or false"),
        ({"publish_anyway": ""}, "publish_anyway: '' does not match ", "the reason in one line"),
        ({"publish_anyway": "  "}, "publish_anyway: '  ' does not match ", "the reason in one line"),
        (
            {"publish_anyway": "a\u2028b"},
            "publish_anyway: 'a\\u2028b' does not match ",
            "the reason in one line",
        ),
        ({"publish_anyway": "a" * 501}, "is too long", "at most 500 characters"),
    ],
)
def test_what_may_not_be(values: dict[str, object], said: str, fix: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_overrides(values, DATA)
    [name] = values
    assert caught.value.what.startswith(f"Invalid input for param {name}: ") and said in caught.value.what
    assert caught.value.where == f"--{name.replace('_', '-')}" and fix in caught.value.fix
    assert caught.value.exit_code == 78


def test_a_span_is_as_the_paths_need_it() -> None:
    assert read_overrides({"span": "12/3"}, NUMBERED).span == "12/3"
    with pytest.raises(SpecError, match="span: 'november' does not match"):
        read_overrides({"span": "november"}, NUMBERED)
    with pytest.raises(SpecError, match="span: '2026-11' is not of type 'null'") as caught:
        read_overrides({"span": "2026-11"}, PLAIN)
    assert caught.value.fix == "leave it out, or put {span} into a path of the detector's YAML"


@pytest.mark.parametrize(
    ("values", "fix"),
    [({"stesp": 7}, "did you mean steps?"), ({"xyz": None}, "take one of: span, data, steps, ")],
)
def test_unknown_names(values: dict[str, Any], fix: str) -> None:
    with pytest.raises(SpecError, match=f"unknown param {next(iter(values))}") as caught:
        read_overrides(values, DATA)
    assert fix in caught.value.fix


@pytest.mark.parametrize("name", ["steps", "learning_rate", "publish_anyway"])
def test_what_excludes_each_other(name: str) -> None:
    values = {name: "a reason" if name == "publish_anyway" else 2, "only": "evaluate"}
    with pytest.raises(SpecError, match=f"^{name} makes no sense in a run that trains and publishes nothing"):
        read_overrides(values, DATA)
