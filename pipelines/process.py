"""What every process of a run shares: exit codes, errors as people read them, files written whole."""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from detection.errors import EXIT_BAD_INPUT, EXIT_FAILED, UpcycleError
from pipelines.interpolation import SpecError

EXIT_SKIPPED = 99
# What a disk refuses is no defect of the program: read-only, no right, full, over its quota.
_REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT)


def known_error(error: BaseException) -> UpcycleError | SpecError | None:
    """The error with three parts that `error` is or was raised from, if there is one."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, UpcycleError | SpecError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def exit_code_of(error: BaseException) -> int:
    """Print `error` to stderr and return the exit code for it.

    Errors with three parts are printed as they are, and so is what a disk refuses; any other one is a defect
    and keeps its traceback.
    """
    known = known_error(error)
    if known is not None:
        print(f"error: {known}", file=sys.stderr, flush=True)
        return known.exit_code
    if isinstance(error, OSError) and error.errno in _REFUSED:
        place = error.filename or "the disk of this run"
        print(f"error: {error.strerror}\n  where: {place}", file=sys.stderr)
        print("  fix:   make room there, or give this user the right to it", file=sys.stderr, flush=True)
        return EXIT_FAILED
    traceback.print_exception(error)
    sys.stderr.flush()
    return EXIT_FAILED


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that a reader sees the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".{path.name}.{os.getpid()}")
    staging.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    os.replace(staging, path)


__all__ = ["EXIT_BAD_INPUT", "EXIT_FAILED", "EXIT_SKIPPED", "exit_code_of", "known_error", "write_json"]
