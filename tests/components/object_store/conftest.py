"""Both kinds of object store as servers."""

from tests.object_store import address, google, s3

__all__ = ["address", "google", "s3"]
