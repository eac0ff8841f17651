"""Both kinds of object store as servers."""

from tests.object_store import address, google, no_s3_credentials, s3

__all__ = ["address", "google", "no_s3_credentials", "s3"]
