"""A published version, and its manifest: what it is, and what it was made from."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detection.errors import Failed

MANIFEST_FILE = "manifest.json"
_NUMBER = re.compile(r"[1-9][0-9]*")


class UnreadableManifest(Failed):
    """A published version is damaged, or gone."""


class Manifest(BaseModel):
    """Written once as `manifest.json` beside the model; lineage and rollback read it.

    `fingerprint` is the content hash of the run's inputs; `content_hash` that of the published model files.
    `baseline` is the directory or address of the version that the model was compared with, or "" for the
    converted TF1 model. `facts` holds data, pipeline_config, checkpoint, code_version and metrics, and
    published_anyway with reason and who, where a person published what the gate refused.
    """

    model_config = ConfigDict(extra="ignore")  # a rollback may read what a newer release wrote

    detector: str
    version: int = Field(ge=1)
    run_id: str
    fingerprint: str
    baseline: str = ""
    content_hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    created: str  # UTC, ISO 8601
    facts: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class Version:
    """A published version: its number, its directory or address, and its manifest."""

    number: int
    address: str
    manifest: Manifest

    @property
    def path(self) -> Path:
        """The directory of a version that lies in a folder."""
        return Path(self.address)

    @property
    def destination(self) -> str:
        """The destination that it was published to: DESTINATION/versions/N."""
        return self.address.rsplit("/", 2)[0]


def version_number(name: str) -> int | None:
    """The number of the version whose folder has this name; None for what publishing never writes."""
    return int(name) if _NUMBER.fullmatch(name) else None


def read_manifest(version_dir: Path) -> Manifest:
    """Return the manifest of a published version's directory.

    Raises UnreadableManifest when the file is absent or is no manifest: publishing always writes a whole one.
    """
    path = version_dir / MANIFEST_FILE
    try:
        data = path.read_bytes()
    except OSError as error:
        raise unreadable(str(path), error) from error
    return parse_manifest(data, str(path))


def parse_manifest(data: bytes, where: str) -> Manifest:
    """The manifest in `data`. Raises UnreadableManifest if it is none."""
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        raise unreadable(where, error) from error


def unreadable(where: str, error: Exception | None = None) -> UnreadableManifest:
    """The error for a version without a manifest that can be read."""
    reason = type(error).__name__ if error else "there is none"
    return UnreadableManifest(
        f"the published version has no readable manifest ({reason})",
        where,
        "restore it from a backup, or move it out of versions/, and if it was live roll back to another one",
    )


def complete(known: dict[str, Any], number: int, content_hash: str) -> Manifest:
    """The manifest of a version to come, from what the run knows of it."""
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return Manifest.model_validate(
        {**known, "version": number, "content_hash": content_hash, "created": created}
    )


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the manifest's JSON; equal manifests give equal bytes."""
    return (json.dumps(manifest.model_dump(), indent=2, sort_keys=True) + "\n").encode()
