"""docs/scale.md: its options are Beam's, its YAML is read, and its costs follow from what was measured."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from apache_beam.options.pipeline_options import PipelineOptions

from benchmarks.bench_example_gen import cost_table
from pipelines.spec import DetectorSpec

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "scale.md").read_text(encoding="utf-8")


def part(name: str) -> str:
    return PAGE.partition(f"<!-- {name}: begin -->\n")[2].partition(f"<!-- {name}: end -->")[0]


@pytest.mark.parametrize("options", re.findall(r"\| `(--runner[^`]*)` \|", PAGE))
def test_beam_knows_every_option(options: str) -> None:
    arguments = options.split()
    known = PipelineOptions(arguments).get_all_options(drop_default=True)
    for argument in arguments:
        name, value = argument.removeprefix("--").split("=")
        assert str(known[name]) == value, argument


def test_the_yaml_is_a_detectors() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    field = DetectorSpec.model_fields["beam_args"]
    given = yaml.safe_load(example)["beam_args"]
    assert given and field.annotation == list[str] and all(isinstance(one, str) for one in given)


def test_costs_follow_from_what_was_measured() -> None:
    measured = re.findall(r"^\| [^|]+ \| ([\d.]+) \|$", part("measured"), re.MULTILINE)
    assert len(measured) == 4
    assert part("costs") == cost_table(*map(float, measured))
