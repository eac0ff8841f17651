"""Checkpoints that can't be read, as a power cut or a failing disk leaves them."""

from __future__ import annotations

import json
from pathlib import Path

import tensorflow as tf

from detection.errors import first_line

_UNREADABLE = (OSError, ValueError, LookupError, RuntimeError, tf.errors.OpError)


def why_unreadable(prefix: Path) -> str | None:
    """What is wrong with the checkpoint `prefix`, of which every value is read; None if nothing is."""
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except _UNREADABLE as error:
        return first_line(error)
    return None


def drop_damaged(directory: Path) -> list[tuple[str, str]]:
    """Takes the last checkpoints off TensorFlow's list of them until one can be read, with its record.

    A record is the JSON file beside a checkpoint. Where the list itself is damaged it is made anew.

    Returns:
      The name of each checkpoint that it took off, and why.
    """
    prefixes, listed = _listed(directory)
    dropped = []
    while prefixes:
        why = _why_unusable(prefixes[-1])
        if why is None:
            break
        dropped.append((prefixes.pop().name, why))
    if dropped or not listed:
        (directory / "checkpoint").unlink(missing_ok=True)
        if prefixes:
            indexes = [index for prefix in prefixes if (index := prefix.with_suffix(".index")).exists()]
            paths = [str(index.with_suffix("")) for index in indexes]
            # tf.train.CheckpointManager forgets those without a time
            times = [index.stat().st_mtime for index in indexes]
            tf.compat.v1.train.update_checkpoint_state(
                str(directory), paths[-1], paths, all_model_checkpoint_timestamps=times
            )
    return dropped


def _listed(directory: Path) -> tuple[list[Path], bool]:
    """The checkpoints from the oldest to the last, and whether TensorFlow's list could be read."""
    if not (directory / "checkpoint").exists():
        return [], True
    try:
        state = tf.train.get_checkpoint_state(str(directory))
    except ValueError:
        state = None
    if state is None:
        there = {path.with_suffix("") for path in directory.glob("step-*.index")}
        return sorted(there, key=lambda prefix: int(prefix.name.rpartition("-")[2])), False
    return [Path(path) for path in state.all_model_checkpoint_paths], True


def _why_unusable(prefix: Path) -> str | None:
    try:
        json.loads(prefix.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return f"its record: {error}"
    return why_unreadable(prefix)
