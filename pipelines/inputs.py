"""A detector's inputs as they are on disk when a run is planned: found, checked and hashed."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from pydantic import BaseModel

from components.checkpoint_converter.locate import locate
from components.config_validator.checkpoint_facts import original_config
from components.evaluator.baseline import kept_classes, require_old_classes
from components.evaluator.gate import require_known_classes
from components.evaluator.slices import require_readable
from components.example_gen.images import sample_of_records
from components.example_gen.read import files_of_split, is_there, resolve
from components.example_gen.records import as_options
from components.example_gen.validate import validate_data
from detection.config.label_map import read_label_map
from detection.errors import BadInput
from pipelines.data_content import content_of_data
from pipelines.fingerprint import Content, content_of, hash_of_files
from pipelines.home import DetectorHome
from pipelines.spec import PACKAGE, DataSpec, DetectorSpec

PROOF_IMAGES = 4


class Inputs(BaseModel):
    """The content of every file or directory that a run reads, by role."""

    data: DataSpec
    checkpoint: str
    proof_images: list[str]
    proof_sha256: str
    contents: dict[str, Content]


def resolve_inputs(spec: DetectorSpec, span: str | None = None, home: DetectorHome | None = None) -> Inputs:
    """Find and hash all that `spec` names; `home` keeps what has to be copied. Raises BadInput."""
    data = with_span(spec.data, span)
    checkpoint = locate(checkpoint_path(spec.model.checkpoint)).path
    files = {
        "pipeline_config": (spec.model.pipeline_config, "model.pipeline_config"),
        "model_label_map": (spec.model.label_map, "model.label_map"),
        "label_map": (data.label_map, "data.label_map"),
    }
    contents = {"checkpoint": content_of(checkpoint)}
    original = original_config(checkpoint)
    if original is not None:
        contents["original_config"] = content_of(original)
    for path, key in files.values():
        if path is not None:
            _require(path, key, spec.name, Path(path).exists())
    splits = {"train": data.train, "eval": data.eval or (), "test": data.test or ()}
    for split, paths in splits.items():
        for path in paths:
            _require(path, f"data.{split}", spec.name, is_there(path))
    options = as_options(data.model_dump())
    records = validate_data(options)
    for role, (path, _) in files.items():
        if path is not None:
            contents[role] = content_of(Path(path))
    for split, paths in splits.items():
        if paths:
            contents[split] = content_of_data(paths, files_of_split(options, split, records))
    measured = {
        "old_eval": spec.evaluate.old_eval or (),
        "slices": tuple(one.csv for one in spec.evaluate.slices if one.csv),
    }
    for role, paths in measured.items():
        for path in paths:
            _require(path, f"evaluate.{role}", spec.name, Path(path).is_file())
        if paths:
            contents[role] = content_of(Path(paths[0]), beside=[Path(path) for path in paths[1:]])
    # the Evaluator asks the same, after hours of training
    labels = read_label_map(Path(data.label_map))
    require_known_classes(spec.gate, labels)
    require_readable(spec.evaluate.slices)
    tf1_labels = read_label_map(Path(spec.model.label_map)) if spec.model.label_map else None
    require_old_classes(kept_classes(labels, tf1_labels), spec.evaluate, spec.gate)
    evaluated = [record for record in records if record.split == "eval"] or records
    proof = sample_of_records(evaluated, PROOF_IMAGES, (home or DetectorHome.of(spec.name)).proof_images)
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
    """The data section with the paths of this moment: spans filled in, and the splits that the data state.

    Raises BadInput for a span where the paths have no place for one, and where there is none on disk.
    """
    if span is not None and not data.uses_span:
        raise BadInput(
            f"the span {span!r} can't be used: no path of the data has {{span}} in it",
            "--span",
            "leave the span out, or put {span} into the path",
        )
    given = data.model_dump()
    options = resolve(given if span is None else given | {"span": span})
    return DataSpec.model_validate(options.model_dump())


def _require(path: str, key: str, detector: str, there: bool) -> None:
    if there:
        return
    if detector == "demo" and key in ("data.train", "data.eval"):
        fix = "make demo-data"
    else:
        fix = f"correct `{key}` in the detector's YAML, or put the data there"
    raise BadInput(f"`{key}` does not exist", path, fix)
