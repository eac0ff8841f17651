"""The manifest file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from components.pusher.manifest import Manifest, manifest_bytes, read_manifest
from detection.errors import Failed

WHOLE = {"version": 3, "content_hash": "0" * 64, "created": "2025-01-02T03:04:05+00:00"}


def test_written_and_read_back(tmp_path: Path, manifest: dict[str, Any]) -> None:
    written = Manifest.model_validate(manifest | WHOLE)
    (tmp_path / "manifest.json").write_bytes(manifest_bytes(written))
    assert read_manifest(tmp_path) == written


def test_a_newer_release_may_add_fields(manifest: dict[str, Any]) -> None:
    assert Manifest.model_validate(manifest | WHOLE | {"signed_by": "x"}).version == 3


@pytest.mark.parametrize("wrong", [{"version": 0}, {"content_hash": "abc"}, {"detector": None}])
def test_nonsense_is_refused(manifest: dict[str, Any], wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Manifest.model_validate(manifest | WHOLE | wrong)


@pytest.mark.parametrize("content", [None, "", "{}", "{"])
def test_an_absent_or_damaged_manifest_says_what_to_do(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(Failed, match="restore it from a backup"):
        read_manifest(tmp_path)
