"""Every test is in one part, and no failure is lost on the way to the closing line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import parts
from tests.count import Count
from tests.parts import PARTS, Outcome, Part, arguments, problems

TESTS = Path(__file__).parent
ENVIRONMENT = str(Path(sys.executable).parents[1])


def is_collected(file: str, chosen: Sequence[str]) -> bool:
    """What pytest does with folders and --ignore."""

    def lies_in(folder: str) -> bool:
        return file.startswith(f"{folder}/")

    ignored = [argument.removeprefix("--ignore=") for argument in chosen if argument.startswith("--ignore=")]
    return any(map(lies_in, chosen)) and not any(map(lies_in, ignored))


def test_every_test_file_is_in_one_part() -> None:
    files = [path.relative_to(TESTS.parent).as_posix() for path in TESTS.rglob("test_*.py")]
    assert len(files) > 100
    collected = {file: [part.name for part in PARTS if is_collected(file, arguments(part))] for file in files}
    assert {file: found for file, found in collected.items() if len(found) != 1} == {}
    assert {name for found in collected.values() for name in found} == {part.name for part in PARTS}


def test_a_part_leaves_out_the_parts_in_it() -> None:
    outer, inner, beside = Part(("t/a", "t/b")), Part(("t/b/c",)), Part(("t/bc", "t/d"))
    assert arguments(outer, [outer, inner, beside]) == ["t/a", "t/b", "--ignore=t/b/c"]
    assert arguments(inner, [outer, inner, beside]) == ["t/b/c"]


A, B = Part(("t/a",), environment="one"), Part(("t/b",), environment="two")
GOOD = Count(passed=3)


@pytest.mark.parametrize(
    ("outcomes", "lines"),
    [
        ([Outcome(A, 0, GOOD), Outcome(B, 0, GOOD)], []),
        (
            [Outcome(A, 1, Count(2, 1)), Outcome(B, 0, GOOD)],
            ["t/a: exit status 1, 2 passed, 1 failed, 0 skipped"],
        ),
        ([Outcome(A, -11, None), Outcome(A, 0, GOOD)], ["t/a: exit status -11, no report"]),
        ([Outcome(A, 0, None), Outcome(A, 0, GOOD)], ["t/a: exit status 0, no report"]),
        ([Outcome(A, 3, GOOD)], ["t/a: exit status 3, 3 passed, 0 failed, 0 skipped"]),
        ([Outcome(A, 5, Count()), Outcome(A, 0, GOOD)], []),
        ([Outcome(A, 0, GOOD), Outcome(B, 5, Count(skipped=2))], ["two: no test ran"]),
    ],
)
def test_what_is_wrong(outcomes: list[Outcome], lines: list[str]) -> None:
    assert problems(outcomes) == lines


def run_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, **modules: str) -> int:
    """The exit status of a run with a part for each module."""
    for name, text in modules.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / f"test_{name}.py").write_text(text)
    made = tuple(Part((str(tmp_path / name),), ENVIRONMENT) for name in modules)
    monkeypatch.setattr(parts, "PARTS", made)
    monkeypatch.setenv("PYTEST_ARGS", arguments)
    return parts.main()


def test_the_last_line_counts_all_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    passing = """
import os, pytest
def test_a(): assert os.environ["OMP_NUM_THREADS"]
def test_b(): pytest.skip("no b")
"""
    failing = "def test_c(): assert 'left' == 'right'\n"
    assert run_parts(tmp_path, monkeypatch, "-ra -k 'not test_z'", first=passing, second=failing) == 1
    output = capfdbinary.readouterr().out.decode()
    *_, problem, last = output.splitlines()
    assert last == "1 passed, 1 failed, 1 skipped"
    assert problem.endswith("second: exit status 1, 0 passed, 1 failed, 0 skipped")
    assert output.index("no b") < output.index("assert 'left' == 'right'")


def test_a_part_may_be_empty_when_another_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    one, other = "def test_a(): pass\n", "def test_b(): pass\n"
    assert run_parts(tmp_path, monkeypatch, "-k test_b", first=one, second=other) == 0
    assert capfdbinary.readouterr().out.splitlines()[-1] == b"1 passed, 0 failed, 0 skipped"


def test_arguments_that_choose_no_test_are_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run_parts(tmp_path, monkeypatch, "-k nothing", first="def test_a(): pass\n") == 1
    assert b"no test ran" in capfdbinary.readouterr().out
