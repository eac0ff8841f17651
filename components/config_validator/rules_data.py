"""Rules about label maps, examples and the paths to them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from components.config_validator.findings import Change
from components.config_validator.subject import Problem, Subject

PLACEHOLDER = "PATH_TO_BE_CONFIGURED"


def paths_are_configured(subject: Subject) -> Iterator[Problem]:
    """Samples of the OD API hold placeholders instead of paths."""
    fields = [
        field for field, values in _path_fields(subject.config) if any(PLACEHOLDER in v for v in values)
    ]
    if fields:
        yield Problem(
            "warning",
            f"{PLACEHOLDER} stands in {len(fields)} field(s): {', '.join(fields)}",
            fields[0],
            "a sample's placeholder; data, label map and checkpoint are named in the detector's YAML",
            "remove them",
            tuple(Change(field=field) for field in fields),
        )


def label_map_paths_agree(subject: Subject) -> Iterator[Problem]:
    """Training and evaluation must speak of the same classes."""
    reader_paths = [r.label_map_path for r in _readers(subject.config) if r.label_map_path]
    if len(set(reader_paths)) > 1:
        yield Problem(
            "warning",
            f"training and evaluation name different label maps: {', '.join(dict.fromkeys(reader_paths))}",
            "eval_input_reader.label_map_path",
            "one id would stand for two classes, and the metrics for neither",
            "name one; this run uses the label map of the detector's YAML for both",
        )


def label_ids_are_contiguous(subject: Subject) -> Iterator[Problem]:
    """Gaps in the ids become columns of the class head that nothing trains."""
    if subject.label_map is None:
        return
    ids = {item.id for item in subject.label_map.items}
    gaps = [str(i) for i in range(1, subject.label_map.num_classes + 1) if i not in ids]
    if gaps:
        shown = ", ".join(gaps[:10]) + (", ..." if len(gaps) > 10 else "")
        yield Problem(
            "warning",
            f"the label map has no class for {len(gaps)} of its ids: {shown}",
            "",
            "each id up to the highest is a column of the class head",
            "number the classes 1 to N, unless the checkpoint's class head is to be kept",
            place=subject.label_map_path,
        )


def examples_are_in_the_label_map(subject: Subject) -> Iterator[Problem]:
    """Every class in the data needs an id."""
    if subject.label_map is None or subject.num_examples_by_class is None:
        return
    names = subject.label_map.names
    for name, count in sorted(subject.num_examples_by_class.items()):
        if subject.label_map.id_of(name) is not None:
            continue
        by_lower = {n.lower().strip(): n for n in names}
        close = difflib.get_close_matches(name.lower().strip(), list(by_lower), n=1, cutoff=0.6)
        yield Problem(
            "error",
            f"{count} boxes are of class {name!r}, which is not in the label map",
            "",
            "a box without an id can't be learned: ExampleGen would set it aside",
            f"rename it to {by_lower[close[0]]!r}" if close else f"add it to {subject.label_map_path}",
            place=subject.examples_path,
        )


def classes_have_examples(subject: Subject) -> Iterator[Problem]:
    """A class without a box is never learned."""
    if subject.label_map is None or subject.num_examples_by_class is None:
        return
    seen = {subject.label_map.id_of(name) for name, n in subject.num_examples_by_class.items() if n > 0}
    for item in subject.label_map.items:
        if item.id not in seen:
            yield Problem(
                "warning",
                f"no box is of class {item.name!r} (id {item.id})",
                "",
                "the detector will never report it",
                "add pictures of it, or take it out of the label map",
                place=subject.examples_path,
            )


def _readers(config: Any) -> list[Any]:
    return [config.train_input_reader, *config.eval_input_reader]


def _path_fields(config: Any) -> Iterator[tuple[str, list[str]]]:
    """The fields that hold paths, and their values; those of all eval readers together."""
    yield "train_config.fine_tune_checkpoint", [config.train_config.fine_tune_checkpoint]
    for block, readers in (
        ("train_input_reader", [config.train_input_reader]),
        ("eval_input_reader", list(config.eval_input_reader)),
    ):
        yield f"{block}.label_map_path", [r.label_map_path for r in readers]
        paths = [path for r in readers for path in r.tf_record_input_reader.input_path]
        yield f"{block}.tf_record_input_reader.input_path", paths
