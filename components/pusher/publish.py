"""Publishing and rollback: every step is safe to be killed in, and safe to run again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from components.pusher.content import WARMUP_FILE, content_hash, model_files
from components.pusher.destination import Destination, open_destination
from components.pusher.durable import copy_file, sync_tree, write_file
from components.pusher.history import Action, HistoryEntry, entry_of, last_live
from components.pusher.manifest import MANIFEST_FILE, Manifest, Version, complete, manifest_bytes
from components.pusher.retention import remove_old
from detection.errors import BadInput, Failed


def publish(
    model_dir: Path,
    destination: str | Path,
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
      destination: a directory on a local or mounted POSIX file system, made if absent, or an address in an
        object store (s3://, gs://) whose bucket is there.
      manifest: detector, run_id, fingerprint, baseline and facts; version, content_hash and created are
        filled in here.
      warmup: requests for TensorFlow Serving to replay.
      verify: called with the folder of the whole copy before anybody can see it; its error ends the
        publication.
      keep_versions: how many versions stay; the live one and the one before it always do. None: all.
      why: for the history.
      anyway: for the history, a person's reason to publish what the gate refused.

    Returns the live version. Bytes that were published before keep their version number and manifest, so a
    retry after a crash adds nothing. Raises BadInput if `model_dir` is no model or `destination` can't be
    used, and Failed if the model's files changed while they were copied, or an object store fails.
    """
    model_files(Path(model_dir))  # what is no model makes no destination
    place = open_destination(destination)
    place.prepare()
    with place.exclusive():
        place.clean()
        version = _add(place, Path(model_dir), partial(complete, manifest), warmup, verify)
        _switch(place, version, "published", why, anyway=anyway)
        if keep_versions is not None:
            remove_old(place, keep_versions)
    return version


def rollback(destination: str | Path, version: int, why: str = "", who: str = "") -> Version:
    """Make an older (or newer) published version live in one atomic step, and return it.

    `why` and `who` are for the history; without `who` it names the user of this process.

    Raises BadInput if there is no such version, and Failed if its files are not what was published.
    """
    place = open_destination(destination)
    known = place.numbers()
    if version not in known:
        raise BadInput(
            f"version {version} was never published, or is removed",
            f"{place.address}/versions",
            "choose one of: " + ", ".join(map(str, known)) if known else "publish a model first",
        )
    chosen = place.version(version)  # alone: others may be what it is to help out of
    with place.exclusive():
        if place.content_hash(chosen) != chosen.manifest.content_hash:
            raise Failed(
                f"the files of version {version} are not the ones that were published",
                chosen.address,
                "restore the directory from a backup, or roll back to another version",
            )
        _switch(place, chosen, "rolled back", why, who)
    return chosen


def _add(
    place: Destination,
    model_dir: Path,
    manifest_of: Callable[[int, str], Manifest],
    warmup: bytes | None,
    verify: Callable[[Path], None] | None,
) -> Version:
    """The version with the model's bytes, which may be there."""
    with place.staging() as staging:
        with _copying(staging):
            content = _stage(model_dir, staging, warmup)
        same = [version for version in place.versions() if version.manifest.content_hash == content]
        if same:
            return same[-1]
        if verify:
            verify(staging)
        manifest = place.reserve(lambda number: manifest_of(number, content))
        with _copying(staging):
            write_file(staging / MANIFEST_FILE, manifest_bytes(manifest))
            sync_tree(staging)
        return place.add(staging, manifest)


def _stage(model_dir: Path, staging: Path, warmup: bytes | None) -> str:
    """Write what a version has besides its manifest into `staging`; returns the content's hash."""
    staging.mkdir()
    files = model_files(model_dir)
    before = _states(files)
    with ThreadPoolExecutor(1) as beside:  # a hash takes as long as a copy
        content = beside.submit(content_hash, files)
        for name, source in files.items():
            target = staging / name
            target.parent.mkdir(parents=True, exist_ok=True)
            copy_file(source, target)
    after = None
    with suppress(BadInput):  # what it lacks now was there before
        after = _states(model_files(model_dir))
    if after != before:
        raise Failed(
            "the model's files changed while they were copied",
            str(staging),
            "let the training finish, then publish again",
        )
    if warmup is not None:
        (staging / WARMUP_FILE).parent.mkdir(exist_ok=True)
        write_file(staging / WARMUP_FILE, warmup)
    return content.result()


def _states(files: dict[str, Path]) -> dict[str, tuple[int, ...]]:
    """What changes whenever somebody writes to a file, or puts another one in its place."""
    states = {name: path.stat() for name, path in files.items()}
    return {name: (one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns) for name, one in states.items()}


@contextmanager
def _copying(staging: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Failed(
            f"the model could not be copied: {error.strerror}",
            str(error.filename or staging),
            "make room or grant access there, then run again; serving is unchanged",
        ) from error


def _switch(
    place: Destination, version: Version, action: Action, why: str, who: str = "", anyway: str = ""
) -> None:
    """Make `version` live.

    The history comes first: a retry after a kill finds its entry there, and makes no second one.
    """

    def decide(entries: list[HistoryEntry], live: int | None) -> HistoryEntry | None:
        last = last_live(entries)
        if live == version.number or (last and (last.version, last.was) == (version.number, live)):
            return None
        return entry_of(version.manifest, action, was=live, why=why, who=who, anyway=anyway)

    place.record(decide)
    place.point(version)
