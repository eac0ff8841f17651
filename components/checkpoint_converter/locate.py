"""Finds the TF1 model that a path means. People give prefixes, files, folders; all are accepted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from components.checkpoint_converter.spellings import refuse_other_kinds
from components.checkpoint_converter.v1_format import is_v1_file, shard_count, v1_files, v1_prefix
from detection.errors import BadInput

FROZEN_GRAPH = "frozen_inference_graph.pb"
SAVED_MODEL = "saved_model.pb"
_PART = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
_STATE = re.compile(r'^model_checkpoint_path:\s*"(.*)"\s*$', re.MULTILINE)
_LFS_HEADER = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True)
class SourceFile:
    """A checkpoint's prefix, a frozen graph's file or a SavedModel's folder.

    All its files are there, none is a Git LFS pointer.
    """

    path: Path
    kind: Literal["checkpoint", "frozen_graph", "saved_model"]


def locate(path: Path) -> SourceFile:
    """Resolve what the user gave; BadInput naming the candidates if there is none or more than one."""
    if path.is_dir():
        return _in_folder(path)
    if path.name == "checkpoint" and path.is_file():
        return _checked(_named_by_state(path) or _only_prefix(path.parent))
    if path.name == SAVED_MODEL and path.is_file():
        return _checked(SourceFile(path.parent, "saved_model"))
    if path.suffix == ".pb":
        return _checked(SourceFile(path, "frozen_graph"))
    refuse_other_kinds(path)
    name = v1_prefix(path.name) if is_v1_file(path) else _PART.sub("", path.name)
    return _checked(SourceFile(path.with_name(name), "checkpoint"))


def _in_folder(folder: Path) -> SourceFile:
    state = folder / "checkpoint"
    named = _named_by_state(state) if state.is_file() else None
    if named is not None:
        return _checked(named)
    if not _prefixes(folder):
        frozen = folder / FROZEN_GRAPH
        graphs = [frozen] if frozen.is_file() else sorted(folder.glob("*.pb"))
        if graphs != [frozen] and _prefixes(state):
            return _in_folder(state)  # an export of TF2: the checkpoint is in the folder `checkpoint`
        for model in (folder, folder / "saved_model"):
            if graphs != [frozen] and (model / SAVED_MODEL).is_file():
                return _checked(SourceFile(model, "saved_model"))
        if len(graphs) == 1:
            return _checked(SourceFile(graphs[0], "frozen_graph"))
    return _checked(_only_prefix(folder))


def _named_by_state(state: Path) -> SourceFile | None:
    """The prefix that a `checkpoint` file names, if it is there.

    After a copy the file may name another machine's.
    """
    match = _STATE.search(state.read_text(encoding="utf-8", errors="replace"))
    if match is None:
        return None
    named = Path(match[1])
    named = named.with_name(v1_prefix(named.name)) if "?" in named.name else named
    for prefix in (named if named.is_absolute() else state.parent / named, state.parent / named.name):
        if prefix.with_name(prefix.name + ".index").is_file() or v1_files(prefix):
            return SourceFile(prefix, "checkpoint")
    return None


def _prefixes(folder: Path) -> list[Path]:
    found = {index.with_name(index.name.removesuffix(".index")) for index in folder.glob("*.index")}
    found |= {file.with_name(v1_prefix(file.name)) for file in folder.glob("*") if is_v1_file(file)}
    return sorted(found)


def _only_prefix(folder: Path) -> SourceFile:
    prefixes = _prefixes(folder)
    if not prefixes:
        raise BadInput(
            "the folder holds no TF1 checkpoint and no frozen graph",
            str(folder),
            "give a folder with model.ckpt.index and model.ckpt.data-00000-of-00001, with "
            f"{FROZEN_GRAPH}, or with {SAVED_MODEL}",
        )
    if len(prefixes) > 1:
        raise BadInput(
            f"the folder holds {len(prefixes)} checkpoints and does not say which one counts: "
            f"{_listed(prefixes)}",
            str(folder),
            f"give one of them by its prefix, for example {prefixes[-1]}",
        )
    return SourceFile(prefixes[0], "checkpoint")


def _checked(source: SourceFile) -> SourceFile:
    if source.kind == "frozen_graph":
        files = [source.path]
    elif source.kind == "saved_model":
        variables = source.path / "variables" / "variables"
        held = variables.with_name("variables.index").is_file()
        files = [source.path / SAVED_MODEL, *(_checkpoint_files(variables) if held else [])]
    else:
        files = _checkpoint_files(source.path)
    for file in files:
        if not file.is_file():
            raise BadInput(
                "the frozen graph does not exist", str(file), _nearest(file, file.parent.glob("*.pb"))
            )
        _refuse_pointer(file)
    return source


def _refuse_pointer(file: Path) -> None:
    with file.open("rb") as stream:
        if stream.read(len(_LFS_HEADER)) == _LFS_HEADER:
            raise BadInput(
                f"the file is a Git LFS pointer of {file.stat().st_size} bytes, not the file itself",
                str(file),
                "run `git lfs install && git lfs pull` in the clone, or download the file itself",
            )


def _checkpoint_files(prefix: Path) -> list[Path]:
    index = prefix.with_name(prefix.name + ".index")
    if not index.is_file():
        if files := v1_files(prefix):
            return _all_shards(prefix, files, shard_count(files[0]))
        if prefix.is_file():
            _refuse_pointer(prefix)
            raise BadInput(
                "the file is neither a frozen graph (.pb) nor part of a TF1 checkpoint (.index, "
                ".data, .meta), nor a V1 checkpoint to its end",
                str(prefix),
                "give a checkpoint's prefix, its folder, or a frozen_inference_graph.pb; "
                "copy the file again if it is a V1 checkpoint (.ckpt)",
            )
        raise BadInput(
            "there is no checkpoint at this path", str(prefix), _nearest(prefix, _prefixes(prefix.parent))
        )
    data = sorted(prefix.parent.glob(prefix.name.replace("[", "[[]") + ".data-*-of-*"))
    return [index, *_all_shards(prefix, data, shard_count(data[0]) if data else 1)]


def _all_shards(prefix: Path, data: list[Path], shards: int) -> list[Path]:
    if len(data) != shards:
        raise BadInput(
            f"the checkpoint has {len(data)} of its {shards} .data files",
            str(prefix),
            f"copy all files named {prefix.name}* together",
        )
    return data


def _nearest(wanted: Path, candidates: Iterable[Path]) -> str:
    names = sorted(candidate.name for candidate in candidates)
    if not wanted.parent.is_dir():
        return f"check the path: the folder {wanted.parent} does not exist"
    if not names:
        return f"check the path: {wanted.parent} holds nothing of this kind"
    near = get_close_matches(wanted.name, names, n=1, cutoff=0.0)[0]
    return f"did you mean {wanted.parent / near}?"


def _listed(paths: list[Path], limit: int = 5) -> str:
    names = ", ".join(path.name for path in paths[:limit])
    return names if len(paths) <= limit else f"{names}, ..."
