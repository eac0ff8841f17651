"""Read access to a serving destination: which versions exist and which one is live.

    DEST/versions/N/        saved_model.pb, variables/, assets.extra/, label_map.pbtxt, pipeline.config,
                            model_card.md, tflite/ if there is one, manifest.json
    DEST/.live-N/N       -> ../versions/N
    DEST/live            -> .live-N

TensorFlow Serving is pointed at DEST/live and sees exactly one version there. `versions/N` appears by one
rename of a complete directory, and `live` moves by one rename of a symlink, so a reader never sees a part.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from components.pusher.manifest import Manifest, read_manifest
from detection.errors import BadInput

VERSIONS = "versions"
LIVE = "live"
LIVE_PREFIX = ".live-"


@dataclass(frozen=True)
class Version:
    """A published version: its number, its directory and its manifest."""

    number: int
    path: Path
    manifest: Manifest


def list_versions(destination: Path) -> list[Version]:
    """Return every published version, oldest first; empty when nothing was published."""
    versions = Path(destination) / VERSIONS
    if not versions.is_dir():
        return []
    numbers = sorted(int(entry.name) for entry in versions.iterdir() if entry.name.isdecimal())
    return [_read(versions / str(number)) for number in numbers]


def live_version(destination: Path) -> Version | None:
    """Return the version that is served now, or None when nothing was published yet."""
    link = Path(destination) / LIVE
    check_live_link(link)
    if not link.is_symlink():
        return None
    number = os.readlink(link).removeprefix(LIVE_PREFIX)
    return _read(Path(destination) / VERSIONS / number)


def check_live_link(link: Path) -> None:
    """Raise BadInput if something that publishing did not make stands where the live symlink belongs."""
    foreign = os.path.lexists(link) and not (link.is_symlink() and os.readlink(link).startswith(LIVE_PREFIX))
    if foreign:
        raise BadInput(
            "something else stands where the symlink to the live version belongs",
            str(link),
            "move it away, or name another destination",
        )


def _read(path: Path) -> Version:
    return Version(int(path.name), path, read_manifest(path))
