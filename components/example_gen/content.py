"""What an image is known by: its hash for good, a checksum to see that its content is still the same."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import google_crc32c


class Content(NamedTuple):
    """Of no image at all: NOTHING.

    The checksum costs a seventh of the hash, and misses one change of four thousand million: enough for
    what somebody writes to by accident between the first time that it is read and the second.
    """

    sha256: str  # in hexadecimal
    size: int  # in bytes
    crc32c: int

    @classmethod
    def of(cls, data: bytes) -> Content:
        """The content of some bytes."""
        return cls(hashlib.sha256(data).hexdigest(), len(data), google_crc32c.value(data))

    def is_of(self, data: bytes) -> bool:
        """Whether these bytes are still the same."""
        return len(data) == self.size and google_crc32c.value(data) == self.crc32c and bool(self.sha256)


NOTHING = Content("", 0, 0)
