"""Finds the TF1 model that a path means. People give prefixes, files, folders; all are accepted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PureWindowsPath
from typing import Literal

from google.protobuf import text_encoding

from components.checkpoint_converter.spellings import refuse_other_contents, refuse_other_kinds
from components.checkpoint_converter.v1_format import is_v1_file, shard_count, v1_files, v1_prefix
from detection.errors import BadInput

FROZEN_GRAPH = "frozen_inference_graph.pb"
SAVED_MODEL = "saved_model.pb"
PART = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
_STATE = re.compile(r"""^\s*model_checkpoint_path\s*:\s*(["'])(.*)\1\s*$""", re.MULTILINE)
_STEP = re.compile(r"-(\d+)$")


@dataclass(frozen=True)
class SourceFile:
    """A checkpoint's prefix, a frozen graph's file or a SavedModel's folder.

    All its files are there, none is a Git LFS pointer.
    """

    path: Path
    kind: Literal["checkpoint", "frozen_graph", "saved_model"]


def locate(path: Path) -> SourceFile:
    """Resolve what the user gave; BadInput naming the candidates if there is none or more than one."""
    _require_path(path)
    if path.is_dir():
        return _in_folder(path)
    if path.name == "checkpoint" and path.is_file():
        return _checked(_named_by_state(path) or _only_prefix(path.parent))
    if path.name == SAVED_MODEL and path.is_file():
        return _checked(SourceFile(path.parent, "saved_model"))
    refuse_other_kinds(path)
    if path.suffix == ".pb":
        return _checked(SourceFile(path, "frozen_graph"))
    name = v1_prefix(path.name) if is_v1_file(path) else PART.sub("", path.name)
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
        if graphs:
            raise BadInput(
                f"the folder holds {len(graphs)} graphs and does not say which one counts: "
                f"{_listed([graph.name for graph in graphs])}",
                str(folder),
                f"give one of them by its path, for example {graphs[0]}",
            )
    return _checked(_only_prefix(folder))


def _require_path(path: Path) -> None:
    """BadInput for what no path can be, such as a name that is too long."""
    try:
        path.is_dir()
    except PermissionError:
        raise
    except OSError as error:
        raise BadInput(
            f"this can't be the path of a checkpoint: {error.strerror}", str(path), "correct the path"
        ) from error


def _named_by_state(state: Path) -> SourceFile | None:
    """The prefix that a `checkpoint` file names, if it is there.

    After a copy the file may name another machine's, whose system may be Windows; what lies beside the file
    counts before that, since the original may be there still. BadInput if it names none of several that are
    there, or another step than that of the only one.
    """
    match = _STATE.search(state.read_text(encoding="utf-8-sig", errors="replace"))
    if match is None:
        return None
    named = Path(text_encoding.CUnescape(match[2]).decode(errors="replace"))
    beside = state.parent / PureWindowsPath(named).name  # splits at either kind of slash
    for place in (beside, named) if named.is_absolute() else (state.parent / named, beside):
        prefix = place.with_name(v1_prefix(place.name)) if "?" in place.name else place
        if _index(prefix).is_file() or v1_files(prefix):
            return SourceFile(prefix, "checkpoint")
    _require_only_renamed(state, beside.name)
    return None


def _require_only_renamed(state: Path, named: str) -> None:
    found = [prefix.name for prefix in _prefixes(state.parent)]
    stem = _STEP.sub("", named)
    other_step = stem != named and [_STEP.sub("", name) for name in found] == [stem]
    if len(found) > 1 or (other_step and found != [named]):
        raise BadInput(
            f"the file `checkpoint` names {named}, which is not there; the folder holds {_listed(found)}",
            str(state),
            f"copy the files of {named} too, or give the one that you mean, for example "
            f"{state.parent / found[-1]}",
        )


def _index(prefix: Path) -> Path:
    return prefix.with_name(prefix.name + ".index")


def checkpoint_data(prefix: Path) -> list[Path]:
    """The .data files that are there of the checkpoint at a prefix, whatever number their names claim."""
    if not prefix.parent.is_dir():
        return []
    data = re.compile(re.escape(prefix.name) + r"\.data-\d{5}-of-\d{5}")
    return sorted(file for file in prefix.parent.iterdir() if data.fullmatch(file.name))


def _prefixes(folder: Path) -> list[Path]:
    found = {index.with_name(index.name.removesuffix(".index")) for index in folder.glob("*.index")}
    found |= {file.with_name(v1_prefix(file.name)) for file in folder.glob("*") if is_v1_file(file)}
    return sorted(found, key=_in_order)


def _in_order(prefix: Path) -> tuple[str, int, str]:
    """Sorts by the number of the step where there is one: 1000 comes after 200."""
    step = _STEP.search(prefix.name)
    return _STEP.sub("", prefix.name), int(step[1]) if step else -1, prefix.name


def _only_prefix(folder: Path) -> SourceFile:
    prefixes = _prefixes(folder)
    if not prefixes:
        for part in sorted(folder.glob("*")):
            if PART.search(part.name):
                _checkpoint_files(part.with_name(PART.sub("", part.name)))
        raise BadInput(
            "the folder holds no TF1 checkpoint and no frozen graph",
            str(folder),
            "give a folder with model.ckpt.index and model.ckpt.data-00000-of-00001, with "
            f"{FROZEN_GRAPH}, or with {SAVED_MODEL}",
        )
    if len(prefixes) > 1:
        raise BadInput(
            f"the folder holds {len(prefixes)} checkpoints and does not say which one counts: "
            f"{_listed([prefix.name for prefix in prefixes])}",
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
        refuse_other_contents(file, any_bytes=".data-" in file.name)
    return source


def _checkpoint_files(prefix: Path) -> list[Path]:
    index = _index(prefix)
    if not index.is_file():
        if files := v1_files(prefix):
            return _all_shards(prefix, files, shard_count(files[0]))
        if prefix.is_file():
            refuse_other_contents(prefix)
            raise BadInput(
                "the file is neither a frozen graph (.pb) nor part of a TF1 checkpoint (.index, "
                ".data, .meta), nor a V1 checkpoint to its end",
                str(prefix),
                "give a checkpoint's prefix, its folder, or a frozen_inference_graph.pb, whose name must end "
                "with .pb; copy the file again if it is a V1 checkpoint (.ckpt)",
            )
        _require_no_rest(prefix)
        raise BadInput(
            "there is no checkpoint at this path", str(prefix), _nearest(prefix, _prefixes(prefix.parent))
        )
    data = checkpoint_data(prefix)
    return [index, *_all_shards(prefix, data, shard_count(data[0]) if data else 1)]


def _require_no_rest(prefix: Path) -> None:
    """BadInput if a checkpoint without its index is there: the index says what the other files hold."""
    meta = prefix.with_name(prefix.name + ".meta")
    rest = [file.name for file in (*checkpoint_data(prefix), meta) if file.is_file()]
    if rest:
        raise BadInput(
            f"there is no checkpoint at this path: {prefix.name}.index is missing beside {_listed(rest)}",
            str(prefix),
            f"copy all files named {prefix.name}* together: the variables are in .index and .data",
        )


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


def _listed(names: list[str], limit: int = 5) -> str:
    return ", ".join(names[:limit] + (["..."] if len(names) > limit else []))
