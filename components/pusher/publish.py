"""Publishing and rollback: every step is safe to be killed in, and safe to run again."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.pusher.content import WARMUP_FILE, content_hash, model_files, published_files
from components.pusher.durable import (
    copy_file,
    exclusive_lock,
    replace_symlink,
    sync_directory,
    sync_tree,
    write_file,
)
from components.pusher.history import Action, append, entry_of, last_live, read_history
from components.pusher.manifest import MANIFEST_FILE, Manifest, manifest_bytes
from components.pusher.retention import REMOVED_PREFIX, previous_live, removable, remove
from components.pusher.versions import (
    LIVE,
    LIVE_PREFIX,
    VERSIONS,
    Version,
    check_live_link,
    list_versions,
    live_version,
)
from detection.errors import BadInput, Failed

_LOCK = ".lock"
_STAGING_PREFIX = ".staging-"


def publish(
    model_dir: Path,
    destination: Path,
    manifest: dict[str, Any],
    *,
    warmup: bytes | None = None,
    verify: Callable[[Path], None] | None = None,
    keep_versions: int | None = None,
    why: str = "",
    anyway: str = "",
) -> Version:
    """Publish a trained model and make it the live version.

    Args:
      model_dir: holds saved_model/, label_map.pbtxt and pipeline.config.
      destination: a directory on a local or mounted POSIX file system; made if absent.
      manifest: detector, run_id, fingerprint, baseline and facts; version, content_hash and created are
        filled in here.
      warmup: requests for TensorFlow Serving to replay.
      verify: called with the folder of the whole copy before anybody can see it; its error ends the
        publication.
      keep_versions: how many versions stay; the live one and the one before it always do. None: all.
      why: for the history.
      anyway: for the history, a person's reason to publish what the gate refused.

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
        if same:
            version = same[-1]
        else:
            staging = destination / f"{_STAGING_PREFIX}{uuid.uuid4().hex}"
            complete = _complete(manifest, destination, published, wanted)
            try:
                _stage(files, staging, complete, warmup)
                if verify:
                    verify(staging)
            except BaseException:
                shutil.rmtree(staging, ignore_errors=True)
                raise
            version = _add_version(staging, destination, complete)
        _switch(destination, version, "published", why, anyway=anyway)
        if keep_versions is not None:
            versions = list_versions(destination)
            before = previous_live(destination, versions, version.number)
            for old in removable(versions, version.number, before, keep_versions):
                remove(destination, old, keep_versions)
    return version


def rollback(destination: Path, version: int, why: str = "", who: str = "") -> Version:
    """Make an older (or newer) published version live in one atomic step, and return it.

    `why` and `who` are for the history; without `who` it names the user of this process.

    Raises BadInput if there is no such version, and Failed if its files are not what was published.
    """
    destination = _local(destination)
    known = {entry.number: entry for entry in list_versions(destination)}
    if version not in known:
        raise BadInput(
            f"version {version} was never published, or is removed",
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
        _switch(destination, chosen, "rolled back", why, who)
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
    _refuse_links(destination / VERSIONS)
    return destination


def _refuse_links(versions: Path) -> None:
    """A link here would let a publication write, and a retention delete, somewhere else."""
    for path in (versions, *versions.iterdir()):
        if path.is_symlink():
            raise BadInput(
                "this is a symbolic link, which leads out of the destination",
                str(path),
                "put the folder itself there, or name the folder it points to as publish.destination",
            )


def _remove_leftovers(destination: Path) -> None:
    """Remove what a killed publisher staged or was deleting; the lock is held, so nobody does so now."""
    for prefix in (_STAGING_PREFIX, REMOVED_PREFIX):
        for leftover in destination.glob(f"{prefix}*"):
            shutil.rmtree(leftover)


def _complete(manifest: dict[str, Any], destination: Path, published: list[Version], wanted: str) -> Manifest:
    """The manifest of a version to come; its number is above every number there ever was."""
    numbers = [version.number for version in published]
    numbers += [entry.version for entry in read_history(destination)]
    return Manifest.model_validate(
        {
            **manifest,
            "version": max(numbers, default=0) + 1,
            "content_hash": wanted,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    )


def _add_version(staging: Path, destination: Path, manifest: Manifest) -> Version:
    final = destination / VERSIONS / str(manifest.version)
    os.rename(staging, final)
    sync_directory(final.parent)
    return Version(manifest.version, final, manifest)


def _stage(files: dict[str, Path], staging: Path, manifest: Manifest, warmup: bytes | None) -> None:
    """Write a complete version into `staging` and flush it to disk."""
    try:
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
        if warmup is not None:
            (staging / WARMUP_FILE).parent.mkdir(exist_ok=True)
            write_file(staging / WARMUP_FILE, warmup)
        write_file(staging / MANIFEST_FILE, manifest_bytes(manifest))
        sync_tree(staging)
    except OSError as error:
        raise Failed(
            f"the model could not be copied: {error.strerror}",
            str(error.filename or staging),
            "make room or grant access there, then run again; serving is unchanged",
        ) from error


def _switch(
    destination: Path, version: Version, action: Action, why: str, who: str = "", anyway: str = ""
) -> None:
    """Point `live` at a directory that holds only this version; the directory is complete beforehand.

    The history comes first: a retry after a kill finds its entry there, and makes no second one.
    """
    before = live_version(destination)
    was = before.number if before else None
    entry = last_live(read_history(destination))
    if was != version.number and (entry is None or (entry.version, entry.was) != (version.number, was)):
        append(destination, entry_of(version.manifest, action, was=was, why=why, who=who, anyway=anyway))
    holder = destination / f"{LIVE_PREFIX}{version.number}"
    link = holder / str(version.number)
    holder.mkdir(exist_ok=True)
    if not link.is_symlink():  # a killed publisher may have made the directory only
        link.symlink_to(f"../{VERSIONS}/{version.number}")
        sync_directory(holder)
    replace_symlink(destination / LIVE, holder.name)
