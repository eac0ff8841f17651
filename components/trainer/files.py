"""Writing checkpoints so that no half of one stays."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_checkpoint(prefix: Path) -> Iterator[None]:
    """Removes what tf.train.Checkpoint has written under `prefix` if it fails, on a full disk for example."""
    try:
        yield
    except Exception:
        for file in prefix.parent.glob(f"{prefix.name}.*"):
            file.unlink()
        shutil.rmtree(prefix.with_name(f"{prefix.name}_temp"), ignore_errors=True)
        raise
