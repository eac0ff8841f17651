"""Errors that a person can act on: what went wrong, where, and the fix."""

from __future__ import annotations

EXIT_FAILED = 1
EXIT_BAD_INPUT = 78  # EX_CONFIG of sysexits.h: a retry can't help


class UpcycleError(Exception):
    """An error with three parts, printed without a traceback."""

    exit_code = EXIT_FAILED

    def __init__(self, what: str, where: str, fix: str) -> None:
        super().__init__(what, where, fix)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.what}\n  where: {self.where}\n  fix:   {self.fix}"


class BadInput(UpcycleError):
    """The user's input can't be used; running again unchanged can't help (exit code 78)."""

    exit_code = EXIT_BAD_INPUT


class Failed(UpcycleError):
    """The work itself failed, for example a proof or a balance of totals (exit code 1)."""


class NoNativeModel(BadInput):
    """A part of a pipeline.config that the native models lack; the OD API's own code may have it."""


def first_line(error: BaseException) -> str:
    """The first line of an error's text, for a message of one line; its type where it has no text."""
    return (str(error).splitlines() or [type(error).__name__])[0]
