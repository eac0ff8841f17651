"""Publishing and rollback: every step is safe to be killed in, and safe to run again."""

from __future__ import annotations

import os
import shutil
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.pusher.content import content_hash, model_files, published_files
from components.pusher.durable import (
    copy_file,
    exclusive_lock,
    replace_symlink,
    sync_directory,
    sync_tree,
    write_file,
)
from components.pusher.manifest import MANIFEST_FILE, Manifest, manifest_bytes
from components.pusher.versions import (
    LIVE,
    LIVE_PREFIX,
    VERSIONS,
    Version,
    check_live_link,
    list_versions,
)
from detection.errors import BadInput, Failed

_LOCK = ".lock"
_STAGING_PREFIX = ".staging-"


def publish(model_dir: Path, destination: Path, manifest: dict[str, Any]) -> Version:
    """Publish a trained model and make it the live version.

    Args:
      model_dir: holds saved_model/, label_map.pbtxt and pipeline.config.
      destination: a directory on a local or mounted POSIX file system; made if absent.
      manifest: detector, run_id, fingerprint, baseline and facts; version, content_hash and created are
        filled in here.

    Returns the live version. Bytes that were published before keep their version number and manifest, so a
    retry after a crash adds nothing. Raises BadInput if `model_dir` is no model or `destination` no folder,
    and Failed if the model's files changed while they were copied.
    """
    files = model_files(Path(model_dir))
    wanted = content_hash(files)
    destination = _prepare(destination)
    with exclusive_lock(destination / _LOCK):
        _remove_leftovers(destination)
        published = list_versions(destination)
        same = [version for version in published if version.manifest.content_hash == wanted]
        version = same[-1] if same else _add_version(files, wanted, destination, published, manifest)
        _switch(destination, version.number)
    return version


def rollback(destination: Path, version: int) -> Version:
    """Make an older (or newer) published version live in one atomic step, and return it.

    Raises BadInput if there is no such version, and Failed if its files are not what was published.
    """
    destination = _local(destination)
    known = {entry.number: entry for entry in list_versions(destination)}
    if version not in known:
        raise BadInput(
            f"version {version} was never published",
            str(destination / VERSIONS),
            "choose one of: " + ", ".join(map(str, known)) if known else "publish a model first",
        )
    chosen = known[version]
    with exclusive_lock(destination / _LOCK):
        if content_hash(published_files(chosen.path)) != chosen.manifest.content_hash:
            raise Failed(
                f"the files of version {version} are not the ones that were published",
                str(chosen.path),
                "restore the directory from a backup, or roll back to another version",
            )
        _switch(destination, version)
    return chosen


def _local(destination: Path) -> Path:
    if ":/" in str(destination):
        raise BadInput(
            "publishing needs renames that are atomic, which object stores lack",
            str(destination),
            "name a directory on a local or mounted file system as publish.destination",
        )
    return Path(destination).absolute()


def _prepare(destination: Path) -> Path:
    destination = _local(destination)
    try:
        (destination / VERSIONS).mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise BadInput(
            "the destination is a file, not a folder", str(destination), "name a folder, or a new path"
        ) from error
    except PermissionError as error:
        raise BadInput(
            "no permission to make the destination", str(destination), "grant write access to this user"
        ) from error
    check_live_link(destination / LIVE)
    return destination


def _remove_leftovers(destination: Path) -> None:
    """Remove what a killed publisher staged; the lock is held, so nobody is staging now."""
    for leftover in destination.glob(f"{_STAGING_PREFIX}*"):
        shutil.rmtree(leftover)


def _add_version(
    files: dict[str, Path], wanted: str, destination: Path, published: list[Version], manifest: dict[str, Any]
) -> Version:
    number = max((version.number for version in published), default=0) + 1
    complete = Manifest.model_validate(
        {
            **manifest,
            "version": number,
            "content_hash": wanted,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    )
    staging = destination / f"{_STAGING_PREFIX}{uuid.uuid4().hex}"
    try:
        _stage(files, staging, complete)
    except OSError as error:
        raise Failed(
            f"the model could not be copied: {error.strerror}",
            str(error.filename or staging),
            "make room or grant access there, then run again; serving is unchanged",
        ) from error
    final = destination / VERSIONS / str(number)
    os.rename(staging, final)
    sync_directory(final.parent)
    return Version(number, final, complete)


def _stage(files: dict[str, Path], staging: Path, manifest: Manifest) -> None:
    """Write a complete version into `staging` and flush it to disk."""
    staging.mkdir()
    for name, source in files.items():
        target = staging / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy_file(source, target)
    if content_hash(published_files(staging)) != manifest.content_hash:
        raise Failed(
            "the model's files changed while they were copied",
            str(staging),
            "let the training finish, then publish again",
        )
    write_file(staging / MANIFEST_FILE, manifest_bytes(manifest))
    sync_tree(staging)


def _switch(destination: Path, number: int) -> None:
    """Point `live` at a directory that holds only this version; the directory is complete beforehand."""
    holder = destination / f"{LIVE_PREFIX}{number}"
    entry = holder / str(number)
    holder.mkdir(exist_ok=True)
    if not entry.is_symlink():  # a killed publisher may have made the directory only
        entry.symlink_to(f"../{VERSIONS}/{number}")
        sync_directory(holder)
    replace_symlink(destination / LIVE, holder.name)
