"""Rules about the paths in a config: can they be read, from here, and do they name different things?"""

from __future__ import annotations

import difflib
import glob
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from components.config_validator.findings import Change
from components.config_validator.subject import Problem, Rule, Subject

_PLACEHOLDER = re.compile(r"PATH_TO_BE+_CONFIGURED")  # CFG010's
_SUFFIX = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
_SHARDS = re.compile(r"@(\d+|\*)$|\?+-of-(\d+|\?+)")
_LONGEST_PATH = 4096
_SHOWN = 200
_CHECKPOINT = "train_config.fine_tune_checkpoint"
_OVERRIDDEN = "this run takes what the detector's YAML names"

Trouble = Literal["missing", "remote", "windows", "web", ""]


def checkpoint_path_is_a_prefix(subject: Subject) -> Iterator[Problem]:
    """fine_tune_checkpoint is a prefix: the part of a checkpoint's file names before .index and .data."""
    value = subject.training.fine_tune_checkpoint
    if not value or _PLACEHOLDER.search(value):
        return
    if suffix := _SUFFIX.search(value):
        prefix = value[: suffix.start()]
        yield Problem(
            "warning",
            f"fine_tune_checkpoint ends in {suffix.group()}",
            _CHECKPOINT,
            "it is a prefix, not a file: TF1 would find no variables, or fail to read it",
            f'fine_tune_checkpoint: "{prefix}"',
            (Change(field=_CHECKPOINT, value=prefix),),
        )
    elif value.endswith(".pb"):
        yield Problem(
            "warning",
            "fine_tune_checkpoint is a frozen graph or SavedModel",
            _CHECKPOINT,
            "TF1 can't restore from it; this run can",
            "name it as model.checkpoint in the detector's YAML, and remove it here",
        )
    elif subject.checkpoint is None:
        yield from _checkpoint_trouble(subject, value)


def _checkpoint_trouble(subject: Subject, value: str) -> Iterator[Problem]:
    if not (trouble := _trouble(value, _folder(subject))):
        return
    near = _nearest_prefix(value, _folder(subject)) if trouble == "missing" else None
    yield Problem(
        "info" if trouble == "remote" else "warning",
        _told("fine_tune_checkpoint", trouble, [value]),
        _CHECKPOINT,
        _OVERRIDDEN,
        f'did you mean "{near}"?'
        if near
        else "name the checkpoint as model.checkpoint there, or correct the path",
    )


def input_paths_can_be_read(subject: Subject) -> Iterator[Problem]:
    """Records and label maps that are not here can't be looked at, and TF1 would stop at them."""
    told: set[str] = set()
    for block, reader in _readers(subject.config):
        if subject.label_map is None:
            yield from _input_trouble(subject, f"{block}.label_map_path", [reader.label_map_path], told)
        if subject.data is None:
            records = list(reader.tf_record_input_reader.input_path)
            yield from _input_trouble(subject, f"{block}.tf_record_input_reader.input_path", records, told)


def _input_trouble(subject: Subject, field: str, paths: list[str], told: set[str]) -> Iterator[Problem]:
    """One problem for each kind of trouble with `paths`; those in `told` have been spoken of."""
    found: dict[Trouble, list[str]] = {}
    for path in (path for path in dict.fromkeys(paths) if path and path not in told):
        if not _PLACEHOLDER.search(path) and (trouble := _trouble(path, _folder(subject))):
            found.setdefault(trouble, []).append(path)
            told.add(path)
    for trouble, where in found.items():
        yield Problem(
            "info" if trouble == "remote" else "warning",
            _told(field.rpartition(".")[2], trouble, where),
            field,
            _OVERRIDDEN,
            "name data and label map in the detector's YAML, or correct the path",
        )


def training_and_evaluation_differ(subject: Subject) -> Iterator[Problem]:
    """A detector that is measured on what it was trained with seems better than it is."""
    training = {_plain(path) for path in subject.config.train_input_reader.tf_record_input_reader.input_path}
    for i, reader in enumerate(subject.config.eval_input_reader):
        both = [path for path in reader.tf_record_input_reader.input_path if _plain(path) in training]
        both = [path for path in both if not _PLACEHOLDER.fullmatch(path)]
        if both:
            yield Problem(
                "warning",
                f"training and evaluation read the same record: {both[0]}",
                f"eval_input_reader[{i}].tf_record_input_reader.input_path",
                "the metrics would say how well the pictures were learned by heart",
                "evaluate on other pictures (data.eval of the detector's YAML, or a part that is set aside)",
            )


def _readers(config: Any) -> Iterator[tuple[str, Any]]:
    yield "train_input_reader", config.train_input_reader
    for i, reader in enumerate(config.eval_input_reader):
        yield f"eval_input_reader[{i}]", reader


def _told(name: str, trouble: Trouble, paths: list[str]) -> str:
    more = f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""
    told = {
        "missing": "is not here",
        "remote": "is in a store that is not looked into",
        "windows": "is a path of Windows, which can't be opened here",
        "web": "is an address on the web, not a file",
    }
    return f"{name} {told[trouble]}: {paths[0][:_SHOWN]}{more}"


def _trouble(path: str, folder: Path) -> Trouble:
    if scheme := re.match(r"([A-Za-z][\w+.-]+)://", path):
        if scheme.group(1).lower() == "file":
            return _trouble(path[scheme.end() :], folder)
        return "web" if scheme.group(1).lower() in ("http", "https", "ftp") else "remote"
    if path.startswith("/cns/"):
        return "remote"
    if re.match(r"[A-Za-z]:[\\/]", path) or ("\\" in path and "/" not in path):
        return "windows"
    return "" if _exists(path, folder) else "missing"


def _exists(path: str, folder: Path) -> bool:
    """Whether there is a file, folder, set of shards or checkpoint, from the config's folder or from here."""
    if len(path) > _LONGEST_PATH:
        return False
    pattern = _SHARDS.sub("*", path)
    if glob.has_magic(str(Path(pattern).parent)):
        return True  # which folders are meant is not looked into
    try:
        return any(
            (base / path).exists()
            or glob.glob(str(base / pattern))
            or glob.glob(str(base / pattern) + ".index")
            for base in (folder, Path())
        )
    except (OSError, ValueError):
        return False  # a name that no file can have


def _nearest_prefix(path: str, folder: Path) -> str | None:
    """The checkpoint in the same folder whose name is most like that of `path`."""
    if len(path) > _LONGEST_PATH:
        return None
    for base in (folder, Path()):
        files = glob.glob(str((base / path).parent / "*.index"))
        names = sorted(Path(file).name.removesuffix(".index") for file in files)
        if names:
            nearest = max(names, key=lambda n: difflib.SequenceMatcher(None, n, Path(path).name).ratio())
            return str(Path(path).parent / nearest)
    return None


def _folder(subject: Subject) -> Path:
    return subject.text_path.parent if subject.text_path is not None else Path()


def _plain(path: str) -> str:
    return re.sub(r"/+(\./+)*", "/", path).removeprefix("./")


RULES = (
    Rule(
        "CFG042",
        "path of the checkpoint",
        checkpoint_path_is_a_prefix,
        ("warning", "info"),
        'fine_tune_checkpoint: "model.ckpt.index"',
        "Give the prefix that the checkpoint's files share, or name it in the detector's YAML alone.",
        safe=True,
    ),
    Rule(
        "CFG043",
        "paths of records and label maps",
        input_paths_can_be_read,
        ("warning", "info"),
        'label_map_path: "C:/data/label_map.pbtxt"',
        "Name data and label map in the detector's YAML, or correct the path.",
    ),
    Rule(
        "CFG044",
        "same record for training and evaluation",
        training_and_evaluation_differ,
        ("warning",),
        'input_path: "train.record"  # in train_input_reader and in eval_input_reader',
        "Evaluate on pictures that are not trained on.",
    ),
)
