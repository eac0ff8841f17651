"""What stops a native set-up, told so that a person can act on it."""

from __future__ import annotations

EXIT_FAILED = 1
EXIT_BAD_INPUT = 78


class Problem(Exception):
    """A file or a setting that can't be used; printed without a traceback."""

    exit_code = EXIT_BAD_INPUT

    def __init__(self, what: str, where: str, fix: str) -> None:
        super().__init__(f"{what}\n  where: {where}\n  fix:   {fix}")


class Failed(Problem):
    """A program that was started and did not do its work."""

    exit_code = EXIT_FAILED
