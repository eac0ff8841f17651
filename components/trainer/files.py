"""Writing checkpoints so that no half of one stays, and reading what an attempt before has left."""

from __future__ import annotations

import shutil
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

Found = TypeVar("Found", bound=BaseModel)


@contextmanager
def whole_checkpoint(prefix: Path) -> Iterator[None]:
    """Removes what was written under `prefix`, tf.train.Checkpoint's files and any other, if that fails."""
    try:
        yield
    except Exception:  # not KeyboardInterrupt, which may come once all is written
        for file in prefix.parent.glob(f"{prefix.name}.*"):
            file.unlink()
        shutil.rmtree(prefix.with_name(f"{prefix.name}_temp"), ignore_errors=True)
        raise


def keep_checkpoints(directory: Path, names: Container[str]) -> None:
    """Removes from `directory` all but the checkpoints with these names, and TensorFlow's list of them.

    What a killed process left half written goes too.
    """
    for path in directory.glob("*"):
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "checkpoint" and path.name.partition(".")[0] not in names:
            path.unlink()


def remove_half_written(directory: Path) -> None:
    """Removes what killed writes of TensorFlow and of write_text left in `directory`, however deep."""
    for path in sorted(directory.rglob("*"), reverse=True):
        if path.is_dir() and path.name.endswith("_temp"):
            shutil.rmtree(path)
        elif path.is_file() and path.name.startswith("."):
            path.unlink()


def read_found(file: Path, kind: type[Found]) -> Found | None:
    """What an earlier attempt found and wrote as JSON; None if there is none, or none that can be read.

    The latter, a damaged file or that of another release, is said.
    """
    try:
        return kind.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        print(f"{file.name} is damaged or of another release: that is done again", flush=True)
        return None
