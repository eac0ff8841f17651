"""The detector files: those that can be used, and the others with what is wrong with each."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path

from airflow.sdk import get_parsing_context

from dags.environment import detectors_dir
from dags.schedule import timetable
from pipelines.spec import DetectorSpec, SpecError

Good = list[tuple[Path, DetectorSpec]]
Broken = list[tuple[Path, str]]
State = tuple[Path, int, int]

_OWN_DAG = re.compile(r"(?:retrain|rollback)_(.+)")
_PLAIN_NAME = re.compile(r"""^name:[ \t]+(["']?)([a-z0-9_-]+)\1[ \t]*(?:#.*)?$""", re.MULTILINE)


def read_detectors() -> tuple[Good, Broken]:
    """The detector files that can be used, and the others with what is wrong with each.

    A task that starts needs its own DAG only: it gets that detector, and doesn't wait for all others.
    """
    files = sorted([*detectors_dir().glob("*.yaml"), *detectors_dir().glob("*.yml")])
    starting = _OWN_DAG.fullmatch(get_parsing_context().dag_id or "")
    if starting:
        good, _ = _read([path for path in files if _may_be(path, starting[1])])
        own = [(path, spec) for path, spec in good if spec.name == starting[1]]
        if own:
            return own, []
    return _read(files)


def _read(files: list[Path]) -> tuple[Good, Broken]:
    """Reads each file once in a parse, which asks for the good ones and for the broken ones."""
    # The environment too: files use its variables
    good, broken = _read_once(tuple(map(_state, files)), frozenset(os.environ.items()))
    return list(good), list(broken)


def _state(path: Path) -> State:
    try:
        status = path.stat()
    except OSError:  # gone, or a link to nowhere: reading it says so
        return path, 0, 0
    return path, status.st_mtime_ns, status.st_size


@lru_cache(maxsize=1)
def _read_once(states: tuple[State, ...], environment: frozenset[tuple[str, str]]) -> tuple[Good, Broken]:
    good: dict[str, tuple[Path, DetectorSpec]] = {}
    broken: Broken = []
    for path, _, _ in states:
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


def _may_be(path: Path, name: str) -> bool:
    """Whether a file may be the detector `name`: not if its text plainly has another name."""
    try:
        found = _PLAIN_NAME.search(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return True
    return found is None or found[2] == name
