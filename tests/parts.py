"""Runs all tests in parts side by side, each a pytest of its own, and closes with one line that counts them.

PYTEST_ARGS chooses among the tests, as on pytest's command line.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.count import Count, count
from tests.lanes import Command, run

NO_TESTS = 5  # pytest's exit status when the arguments chose none
LANES = 4  # more would need more memory than a usual machine has


@dataclass(frozen=True)
class Part:
    """Test folders for one pytest, less the folders in them that are parts of their own.

    `alone`: the tests watch a clock or kill what runs, and want the machine for themselves.
    """

    paths: tuple[str, ...]
    environment: str = ".venv"
    alone: bool = False

    @property
    def name(self) -> str:
        return " ".join(self.paths)


# The longest first, so that the lanes end together. `tests` is whatever no other part has.
PARTS = (
    Part(("tests/detection",)),
    Part(("tests/components/trainer",)),
    Part(("tests/e2e",)),
    Part(("tests/components/checkpoint_converter",)),
    Part(("tests/dags",), environment=".venv-airflow"),
    Part(("tests/pipelines",)),
    Part(("tests/components/evaluator",)),
    Part(("tests/components/example_gen",)),
    Part(("tests/parity",)),
    Part(("tests/docker",)),
    Part(("tests",)),
    Part(("tests/crash",), alone=True),
    Part(("tests/airflow",), environment=".venv-airflow", alone=True),
)


def arguments(part: Part, parts: Sequence[Part] = PARTS) -> list[str]:
    """What pytest needs to collect this part, and nothing of the others."""
    others = [path for other in parts if other is not part for path in other.paths]
    inside = [other for other in others if any(other.startswith(f"{path}/") for path in part.paths)]
    return [*part.paths, *(f"--ignore={path}" for path in inside)]


def command(part: Part, report: Path, chosen: Sequence[str], lanes: int, cores: int) -> Command:
    """The pytest of a part; with others beside it, TensorFlow and NumPy keep to their share of the cores."""
    python = f"{part.environment}/bin/python"
    share = str(cores if part.alone else max(1, cores // lanes))
    return Command(
        name=part.name,
        argv=[python, "-m", "pytest", f"--junitxml={report}", *arguments(part), *chosen],
        environment=os.environ | {"TF_NUM_INTRAOP_THREADS": share, "OMP_NUM_THREADS": share},
        alone=part.alone,
    )


@dataclass(frozen=True)
class Outcome:
    """How a part ended: pytest's exit status, and what its report says, if there is one."""

    part: Part
    status: int
    count: Count | None


def problems(outcomes: Sequence[Outcome]) -> list[str]:
    """A line for each part that failed or broke off, and for each environment in which no test ran."""
    lines = []
    ran = {outcome.part.environment: 0 for outcome in outcomes}
    for outcome in outcomes:
        found = outcome.count or Count()
        ran[outcome.part.environment] += found.passed + found.failed
        if outcome.status not in (0, NO_TESTS) or outcome.count is None or found.failed:
            said = outcome.count or "no report"
            lines.append(f"{outcome.part.name}: exit status {outcome.status}, {said}")
    return lines + [f"{environment}: no test ran" for environment, number in ran.items() if not number]


def main() -> int:
    """Run the parts and return 0 only if all is well."""
    chosen = shlex.split(os.environ.get("PYTEST_ARGS", ""))
    cores = len(os.sched_getaffinity(0))
    lanes = min(cores + 1, LANES)  # one more, since tests also wait: for servers, processes and the disk
    with tempfile.TemporaryDirectory(prefix="junit-") as folder:
        reports = [Path(folder) / f"{number}.xml" for number in range(len(PARTS))]
        statuses = run(
            [
                command(part, report, chosen, lanes, cores)
                for part, report in zip(PARTS, reports, strict=True)
            ],
            lanes,
        )
        counts = [count(report) for report in reports]
    outcomes = [Outcome(*one) for one in zip(PARTS, statuses, counts, strict=True)]
    wrong = problems(outcomes)
    for line in wrong:
        print(line)
    print(sum((found for found in counts if found), Count()))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
