"""What a file system refuses, as errors that say what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from detection.errors import BadInput, Failed

_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}
_IN_THE_WAY = {errno.EEXIST, errno.ENOTDIR, errno.EISDIR}


@contextmanager
def file_errors(address: str) -> Iterator[None]:
    """Raise BadInput where a person has to change something at the destination `address`, else Failed."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        where = str(error.filename2 or error.filename or address)  # of a link or a rename the second is new
        if error.errno in _IN_THE_WAY:
            raise BadInput(
                f"something else stands in the way of a publication: {reason}",
                where,
                "move it away, or name another destination",
            ) from error
        what = f"the destination can't be used: {reason}"
        if error.errno in _NOT_ALLOWED:
            raise BadInput(what, where, "let this user write there, or name another destination") from error
        raise Failed(
            what, where, "make room, or mend it; then run again, which ends what was begun"
        ) from error
