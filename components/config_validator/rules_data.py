"""Rules about label maps, examples and the paths to them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from itertools import islice
from typing import Any

from components.config_validator.findings import Change
from components.config_validator.subject import Problem, Rule, Subject, counted
from detection.config.label_map import LabelMap

PLACEHOLDER = "PATH_TO_BE_CONFIGURED"
_COMPARED = 100  # letters of a name; more would take long
_TOLERATED = 0.05  # of the boxes; the default of data.max_quarantined in a detector's YAML


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
    configured = [path for path in reader_paths if PLACEHOLDER not in path]
    if len(set(configured)) > 1:
        yield Problem(
            "warning",
            f"training and evaluation name different label maps: {', '.join(dict.fromkeys(configured))}",
            "eval_input_reader.label_map_path",
            "one id would stand for two classes, and the metrics for neither",
            "name one; this run uses the label map of the detector's YAML for both",
        )


def label_ids_are_contiguous(subject: Subject) -> Iterator[Problem]:
    """Gaps in the ids become columns of the class head that nothing trains."""
    if subject.label_map is None:
        return
    ids = {item.id for item in subject.label_map.items}
    highest = subject.label_map.num_classes
    gaps = highest - len(ids)
    head_is_kept = subject.checkpoint is not None and subject.checkpoint.num_classes == highest
    if gaps and not head_is_kept:
        first = islice((str(i) for i in range(1, highest + 1) if i not in ids), 10)
        shown = ", ".join(first) + (", ..." if gaps > 10 else "")
        yield Problem(
            "warning",
            f"the label map has no class for {gaps} of its ids: {shown}",
            "",
            "each id up to the highest is a column of the class head",
            "number the classes 1 to N, unless the checkpoint's class head is to be kept",
            place=subject.label_map_path,
        )


def examples_are_in_the_label_map(subject: Subject) -> Iterator[Problem]:
    """Every class in the data needs an id: a box without one is set aside."""
    if subject.label_map is None or subject.data is None:
        return
    unknown = _unknown_classes(subject)
    too_many = sum(unknown.values()) > _TOLERATED * subject.data.boxes
    for name, count in unknown.items():
        nearest = _nearest_class(subject.label_map, name)
        case_alone = len(subject.label_map.alike(name)) == 1
        yield Problem(
            "error" if too_many else "warning",
            f"{counted(count, 'box is', 'boxes are')} of class {_shown(name)}, which is not in the label map",
            "",
            "a box without an id can't be learned: ExampleGen sets it aside",
            (f"rename it to {nearest!r}" if nearest else f"add it to {subject.label_map_path}")
            + (", or set data.fix_case: true" if case_alone else ""),
            place=subject.data.path,
        )


def classes_have_examples(subject: Subject) -> Iterator[Problem]:
    """A class without a box is never learned."""
    if subject.label_map is None or subject.data is None:
        return
    seen = {_class_id(subject, name) for name, n in subject.data.boxes_by_class.items() if n > 0}
    seen |= {class_id for class_id, n in subject.data.boxes_by_id.items() if n > 0}
    misspelt = {_nearest_class(subject.label_map, name) for name in _unknown_classes(subject)}
    for item in subject.label_map.items:
        if item.id not in seen and item.name not in misspelt:  # else examples_are_in_the_label_map says so
            yield Problem(
                "warning",
                f"no box is of class {item.name!r} (id {item.id})",
                "",
                "the detector will never report it",
                "add pictures of it, or take it out of the label map",
                place=subject.data.path,
            )


def _unknown_classes(subject: Subject) -> dict[str, int]:
    """Boxes by class of the data, of the classes that have no id."""
    assert subject.data is not None
    return {
        name: count
        for name, count in sorted(subject.data.boxes_by_class.items())
        if count and _class_id(subject, name) is None
    }


def _nearest_class(label_map: LabelMap, name: str) -> str | None:
    """The class of the label map that is spelt most like `name`, if any is like it."""
    by_lower = {known.lower().strip(): known for known in label_map.names}
    wanted = name.lower().strip()[:_COMPARED]
    close = difflib.get_close_matches(wanted, list(by_lower), n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


def _shown(name: str) -> str:
    return repr(name if len(name) <= _COMPARED else f"{name[:_COMPARED]}...")


def _class_id(subject: Subject, name: str) -> int | None:
    """The id that ExampleGen gives a class of the data."""
    assert subject.label_map is not None and subject.data is not None
    found = subject.label_map.id_of(name)
    if found is None and subject.data.fix_case:
        alike = subject.label_map.alike(name)
        return alike[0].id if len(alike) == 1 else None
    return found


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


RULES = (
    Rule(
        "CFG010",
        "placeholders for paths",
        paths_are_configured,
        ("warning",),
        f'fine_tune_checkpoint: "{PLACEHOLDER}/model.ckpt"',
        "Remove the placeholders: the detector's YAML names data, label map and checkpoint.",
        safe=True,
    ),
    Rule(
        "CFG020",
        "gaps in the ids of the label map",
        label_ids_are_contiguous,
        ("warning",),
        "item { id: 1 name: 'cat' } item { id: 4 name: 'dog' }",
        "Number the classes 1 to N, unless the checkpoint's class head is to be kept.",
    ),
    Rule(
        "CFG021",
        "label maps of training and evaluation",
        label_map_paths_agree,
        ("warning",),
        'train_input_reader { label_map_path: "a.pbtxt" } eval_input_reader { label_map_path: "b.pbtxt" }',
        "Name one label map for both.",
    ),
    Rule(
        "CFG022",
        "classes of the data that the label map lacks",
        examples_are_in_the_label_map,
        ("error", "warning"),
        "item { id: 1 name: 'cat' }  # with boxes of class Cat",
        "Rename the class in the data or in the label map, or add it to the label map.",
    ),
    Rule(
        "CFG023",
        "classes without examples",
        classes_have_examples,
        ("warning",),
        "item { id: 2 name: 'dog' }  # with no box of class dog",
        "Add pictures of the class, or take it out of the label map.",
    ),
)
