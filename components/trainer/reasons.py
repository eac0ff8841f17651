"""Why a machine ended a training that several share, as the others are told it."""

from __future__ import annotations

import base64
import re

from pydantic import BaseModel

from detection.errors import EXIT_FAILED, BadInput, Failed, UpcycleError

_PACKED = re.compile(r"upcycle-ended:([\w=-]+):")
_CHARACTERS = 500  # of each part: gRPC carries few kilobytes of error, and each machine it passes adds a copy


class Reason(BaseModel):
    """`address` is the machine's that ended, with `exit_code`, for `what` it found at `where`."""

    address: str
    exit_code: int
    what: str
    where: str


def reason_of(error: BaseException, address: str) -> Reason:
    """What the machine at `address` says of the error that ends it."""
    if isinstance(error, UpcycleError):
        what, where, exit_code = error.what, error.where, error.exit_code
    else:
        first_line = (str(error).splitlines() or [""])[0]
        what = type(error).__name__ + (f": {first_line}" if first_line else "")
        where, exit_code = "", EXIT_FAILED
    return Reason(address=address, exit_code=exit_code, what=what[:_CHARACTERS], where=where[:_CHARACTERS])


def pack(reason: Reason) -> str:
    """`reason` as a word that passes through TensorFlow's messages and looks like no other error."""
    return f"upcycle-ended:{base64.urlsafe_b64encode(reason.model_dump_json().encode()).decode()}:"


def unpack(text: str) -> Reason | None:
    """The reason somewhere in `text`, an error's message; None if there is none."""
    found = _PACKED.search(text)
    try:
        return Reason.model_validate_json(base64.urlsafe_b64decode(found[1])) if found else None
    except ValueError:  # cut short
        return None


def as_error(reason: Reason) -> UpcycleError:
    """The error to end with where another machine has ended for `reason`: with its exit code."""
    kind = BadInput if reason.exit_code == BadInput.exit_code else Failed
    where = f"{reason.address}: {reason.where}" if reason.where else reason.address
    fix = "its log says more and what to do; then start all machines again"
    return kind(f"{reason.address} has ended the training: {reason.what}", where, fix)
