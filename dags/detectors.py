"""The detector files: those that can be used, and the others with what is wrong with each."""

from __future__ import annotations

from pathlib import Path

from dags.environment import detectors_dir
from dags.schedule import timetable
from pipelines.spec import DetectorSpec, SpecError


def read_detectors() -> tuple[list[tuple[Path, DetectorSpec]], list[tuple[Path, str]]]:
    """The detector files that can be used, and the others with what is wrong with each."""
    good: dict[str, tuple[Path, DetectorSpec]] = {}
    broken: list[tuple[Path, str]] = []
    for path in sorted([*detectors_dir().glob("*.yaml"), *detectors_dir().glob("*.yml")]):
        try:
            spec = DetectorSpec.from_file(path)
            timetable(spec, path)
            if spec.name in good:
                raise SpecError(
                    f"the name {spec.name!r} is taken by {good[spec.name][0].name}",
                    str(path),
                    "give each detector a name of its own",
                )
            good[spec.name] = (path, spec)
        except SpecError as error:
            broken.append((path, str(error)))
    return list(good.values()), broken
