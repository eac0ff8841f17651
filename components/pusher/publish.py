"""Publishing and rollback: every step is safe to be killed in, and safe to run again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from components.pusher.content import WARMUP_FILE, content_hash, model_files, published_files
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
    files = model_files(Path(model_dir))
    wanted = content_hash(files)
    place = open_destination(destination)
    place.prepare()
    with place.exclusive():
        place.clean()
        same = [version for version in place.versions() if version.manifest.content_hash == wanted]
        version = (
            same[-1] if same else _add(place, files, partial(complete, manifest), wanted, warmup, verify)
        )
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
    known = {entry.number: entry for entry in place.versions()}
    if version not in known:
        raise BadInput(
            f"version {version} was never published, or is removed",
            f"{place.address}/versions",
            "choose one of: " + ", ".join(map(str, known)) if known else "publish a model first",
        )
    chosen = known[version]
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
    files: dict[str, Path],
    manifest_of: Callable[[int, str], Manifest],
    wanted: str,
    warmup: bytes | None,
    verify: Callable[[Path], None] | None,
) -> Version:
    with place.staging() as staging:
        with _copying(staging):
            _stage(files, staging, wanted, warmup)
        if verify:
            verify(staging)
        manifest = place.reserve(lambda number: manifest_of(number, wanted))
        with _copying(staging):
            write_file(staging / MANIFEST_FILE, manifest_bytes(manifest))
            sync_tree(staging)
        return place.add(staging, manifest)


def _stage(files: dict[str, Path], staging: Path, wanted: str, warmup: bytes | None) -> None:
    """Write what a version has besides its manifest into `staging`."""
    staging.mkdir()
    for name, source in files.items():
        target = staging / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy_file(source, target)
    if content_hash(published_files(staging)) != wanted:
        raise Failed(
            "the model's files changed while they were copied",
            str(staging),
            "let the training finish, then publish again",
        )
    if warmup is not None:
        (staging / WARMUP_FILE).parent.mkdir(exist_ok=True)
        write_file(staging / WARMUP_FILE, warmup)


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
