"""The manifest of one published version: what it is, and what it was made from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detection.errors import Failed

MANIFEST_FILE = "manifest.json"


class Manifest(BaseModel):
    """Written once as `manifest.json` beside the model; lineage and rollback read it.

    `fingerprint` is the content hash of the run's inputs; `content_hash` that of the published model files.
    `baseline` is the directory of the version that the model was compared with, or "" for the converted
    TF1 model. `facts` holds data, pipeline_config, checkpoint, code_version and metrics, and published_anyway
    with reason and who, where a person published what the gate refused.
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


def read_manifest(version_dir: Path) -> Manifest:
    """Return the manifest of a published version's directory.

    Raises Failed when the file is absent or is no manifest, since publishing always writes a whole one.
    """
    path = version_dir / MANIFEST_FILE
    try:
        return Manifest.model_validate_json(path.read_text())
    except (OSError, ValidationError) as error:
        raise Failed(
            f"the published version has no readable manifest ({type(error).__name__})",
            str(path),
            "restore the directory from a backup, or move it out of versions/ and publish again",
        ) from error


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the manifest's JSON; equal manifests give equal bytes."""
    return (json.dumps(manifest.model_dump(), indent=2, sort_keys=True) + "\n").encode()
