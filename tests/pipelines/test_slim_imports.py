"""A node imports what it uses, and nothing that only others could use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.bench_node_start import REFUSED, SIDES, imports_of
from pipelines.slim_imports import OPTIONAL

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {
    *OPTIONAL,
    *(name for names in OPTIONAL.values() for name in names),
    "cv2",
    "keras_tuner",
    "object_detection",
    "tensorflow_data_validation",
    "tensorflow_model_analysis",
    "tf_keras",
    "tf_slim",
}
SAY = f"print(json.dumps(sorted({HEAVY!r} & set(sys.modules))))"


def lines_of(program: str) -> list[list[str]]:
    ran = subprocess.run(
        [sys.executable, "-c", f"import json, sys; {program}"],
        cwd=ROOT,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.mark.parametrize(
    ("nodes", "wanted"),
    [
        (["ConfigValidator", REFUSED], []),
        (["CheckpointConverter", "Evaluator", "Trainer", "Pusher"], ["keras", "tensorflow"]),
        # pandas is Beam's, which has its own types for it
        (["ExampleGen"], ["apache_beam", "keras", "pandas", "tensorflow"]),
    ],
    ids=["without TensorFlow", "with TensorFlow", "with Beam"],
)
def test_what_a_node_has_imported_when_it_begins_to_work(nodes: list[str], wanted: list[str]) -> None:
    """In one process one after the other, so that what the last one has is what any of them has."""
    program = "; ".join([SIDES["ours"], *(f"{imports_of(node)}; {SAY}" for node in nodes)])
    assert dict(zip(nodes, lines_of(program), strict=True)) == dict.fromkeys(nodes, wanted)


def test_planning_imports_no_node_s_work() -> None:
    components = "; ".join(
        f"import components.{folder}.component"
        for folder in (
            "example_gen",
            "config_validator",
            "checkpoint_converter",
            "trainer",
            "evaluator",
            "pusher",
        )
    )
    start = "import pipelines.plan; from pipelines.tfx_import import import_tfx; import_tfx()"
    assert lines_of(f"{start}; {components}; {SAY}") == [[]]


def test_a_node_s_process_imports_slim(
    make_tiny_plan: Callable[..., Path], start_node: Callable[..., subprocess.Popen[str]]
) -> None:
    process = start_node(make_tiny_plan("run-1"), "ExampleGen", TINY="keras")
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    said = next(line for line in stdout.splitlines() if line.startswith("imported "))
    assert HEAVY & set(said.split()) == {"keras", "tensorflow"}


def test_whoever_uses_an_optional_package_finds_it() -> None:
    """Afterwards, and while another package is imported; the slim packages know their own files."""
    program = (
        "from pipelines.slim_imports import slim_imports; slim_imports(); slim_imports(); import keras; "
        f"{SAY}; import pandas, scipy.stats, matplotlib.pyplot, IPython, keras_tuner; "
        "tuner = keras_tuner.src.tuners.sklearn_tuner; print(json.dumps([tuner.sklearn.__name__])); "
        "import importlib.resources as files; "
        "print(json.dumps([type(keras.__spec__.loader).__name__, type(keras.__loader__).__name__])); "
        "print(json.dumps([files.files('keras').joinpath('__init__.py').is_file()]))"
    )
    assert lines_of(program) == [
        ["keras", "tensorflow"],
        ["sklearn"],
        ["SourceFileLoader", "SourceFileLoader"],
        [True],
    ]
