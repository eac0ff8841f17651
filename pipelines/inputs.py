"""A detector's inputs as they are on disk when a run is planned: found, checked and hashed."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from pydantic import BaseModel

from components.checkpoint_converter.locate import locate
from components.example_gen.images import sample_images
from components.example_gen.read import list_files
from components.example_gen.validate import validate_data
from detection.errors import BadInput
from pipelines.fingerprint import Content, content_of, hash_of_files
from pipelines.spec import PACKAGE, SPAN, DataSpec, DetectorSpec

PROOF_IMAGES = 4


class Inputs(BaseModel):
    """The content of every file or directory that a run reads, by role."""

    data: DataSpec
    checkpoint: str
    proof_images: list[str]
    proof_sha256: str
    contents: dict[str, Content]


# Which contents each node reads; a node refuses to start when they are no longer what was planned.
READS = {
    "ExampleGen": ("train", "eval", "label_map"),
    "ConfigValidator": ("pipeline_config", "label_map"),
    "CheckpointConverter": ("checkpoint", "model_label_map"),
    "Trainer": (),
    "Evaluator": ("model_label_map",),
    "Pusher": (),
}


def resolve_inputs(spec: DetectorSpec, span: str | None = None) -> Inputs:
    """Find and hash all that `spec` names. Raises BadInput for what is missing."""
    data = with_span(spec.data, span)
    checkpoint = locate(checkpoint_path(spec.model.checkpoint)).path
    paths = {
        "pipeline_config": (spec.model.pipeline_config, "model.pipeline_config"),
        "model_label_map": (spec.model.label_map, "model.label_map"),
        "train": (data.train, "data.train"),
        "eval": (data.eval, "data.eval"),
        "label_map": (data.label_map, "data.label_map"),
    }
    contents = {"checkpoint": content_of(checkpoint)}
    for path, key in paths.values():
        if path is not None:
            _existing(Path(path), key, spec.name)
    validate_data(data.model_dump())
    for role, (path, _) in paths.items():
        if path is not None:
            also = _belonging(data, path) if role in ("train", "eval") else []
            contents[role] = content_of(Path(path), also)
    proof = sample_images(Path(data.eval or data.train), PROOF_IMAGES)
    return Inputs(
        data=data,
        checkpoint=str(checkpoint),
        proof_images=[str(path) for path in proof],
        proof_sha256=hash_of_files(proof),
        contents=contents,
    )


def checkpoint_path(checkpoint: str) -> Path:
    """The path that a spec's checkpoint means; `package:DIST:FILE` is a file of an installed distribution.

    Raises BadInput if there is no such distribution, or no such file in it. Nothing of it is imported.
    """
    if not checkpoint.startswith(PACKAGE):
        return Path(checkpoint)
    name, _, wanted = checkpoint.removeprefix(PACKAGE).partition(":")
    try:
        distribution = importlib.metadata.distribution(name)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        raise BadInput(
            f"the package {name!r} of the checkpoint is not installed",
            "model.checkpoint",
            "install the package, or give the path of a checkpoint",
        ) from None
    files = [str(file) for file in distribution.files or []]
    if wanted not in files:
        graphs = [file for file in files if file.endswith((".pb", ".index"))]
        raise BadInput(
            f"the package {name!r} has no file {wanted!r}",
            "model.checkpoint",
            f"take one of: {', '.join(graphs)}" if graphs else "name another package",
        )
    return Path(str(distribution.locate_file(wanted))).resolve()


def with_span(data: DataSpec, span: str | None) -> DataSpec:
    """The data section with `{span}` replaced: by `span`, or else by the last on disk in order of names.

    Raises BadInput for a span where the paths have no place for one, and where there is none on disk.
    """
    if not data.uses_span:
        if span is None:
            return data
        raise BadInput(
            f"the span {span!r} can't be used: no path of the data has {SPAN} in it",
            "data.train",
            f"leave the span out, or put {SPAN} into the path",
        )
    if span is None:
        span = _last_span(data.train)
    elif "/" in span or span in ("", ".", ".."):
        raise BadInput(f"{span!r} is no span", "--span", "give the name of one folder, for example 2026-11")
    filled = {
        key: value.replace(SPAN, span)
        for key, value in (("train", data.train), ("eval", data.eval), ("label_map", data.label_map))
        if value is not None
    }
    return data.model_copy(update=filled)


def _belonging(data: DataSpec, path: str) -> list[Path]:
    """The files of one split, also outside `path`: a CSV beside it, images that a CSV names."""
    split = data.model_dump() | {"train": path, "eval": None}
    return [file for file in list_files(split) if file != Path(data.label_map)]


def _last_span(path: str) -> str:
    head, tail = path.split(SPAN, 1)
    parent, prefix = (Path(head), "") if head.endswith("/") else (Path(head).parent, Path(head).name)
    suffix = tail.split("/", 1)[0]
    names = [entry.name for entry in parent.iterdir()] if parent.is_dir() else []
    spans = sorted(
        name[len(prefix) : len(name) - len(suffix)]
        for name in names
        if len(name) > len(prefix) + len(suffix) and name.startswith(prefix) and name.endswith(suffix)
    )
    if not spans:
        raise BadInput("there is no span of data yet", path, "deliver the data, or correct the path")
    return spans[-1]


def _existing(path: Path, key: str, detector: str) -> Path:
    if path.exists():
        return path
    if detector == "demo" and key in ("data.train", "data.eval"):
        fix = "make demo-data"
    else:
        fix = f"correct `{key}` in the detector's YAML, or put the data there"
    raise BadInput(f"`{key}` does not exist", str(path), fix)
