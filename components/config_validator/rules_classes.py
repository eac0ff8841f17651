"""Rules about num_classes: against the label map, the checkpoint and the ids in the data."""

from __future__ import annotations

from collections.abc import Container, Iterator

from components.config_validator.findings import Change
from components.config_validator.subject import Problem, Rule, Subject, counted

_TOLERATED = 0.05  # of the boxes; the default of data.max_quarantined in a detector's YAML


def num_classes_is_the_label_maps(subject: Subject) -> Iterator[Problem]:
    """The class head must have a column for each id of the label map."""
    field = f"model.{subject.kind}.num_classes"
    if subject.label_map is None and subject.num_classes == 0:
        yield Problem("error", "num_classes is not set", field, "a detector needs a class", "num_classes: 1")
    if subject.label_map is None or subject.num_classes in (None, subject.label_map.num_classes):
        return
    wanted = subject.label_map.num_classes
    yield Problem(
        "error",
        f"num_classes is {subject.num_classes}, but the highest id of the label map is {wanted}",
        field,
        "ids above num_classes train as nothing and give NaN losses; columns without a class cost time",
        f"num_classes: {wanted}",
        (Change(field=field, value=wanted),),
    )


def num_classes_is_the_checkpoints(subject: Subject) -> Iterator[Problem]:
    """With another number of classes the checkpoint's class head can't be taken over."""
    wanted = subject.num_classes if subject.label_map is None else subject.label_map.num_classes
    found = subject.checkpoint.num_classes if subject.checkpoint else None
    if not wanted or found is None or found == wanted:
        return
    yield Problem(
        "info",
        f"the checkpoint has {counted(found, 'class', 'classes')}, the new model {wanted}",
        f"model.{subject.kind}.num_classes",
        "the shapes of the class head differ; backbone, feature maps and box head are taken over",
        "nothing to do: the class head starts fresh",
    )


def num_classes_holds_the_datas(subject: Subject) -> Iterator[Problem]:
    """Without a label map the data's own names must fit the class head: one column each."""
    if subject.label_map is not None or subject.data is None or not subject.num_classes:
        return
    names = sorted(subject.data.boxes_by_class)
    if len(names) > subject.num_classes:
        shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
        yield Problem(
            "warning",
            f"num_classes is {subject.num_classes}, but the data have {len(names)} classes: {shown}",
            f"model.{subject.kind}.num_classes",
            "a class without a column of the class head is never learned",
            "give the label map of the classes to learn, and set num_classes to its highest id",
        )


def ids_are_within_num_classes(subject: Subject) -> Iterator[Problem]:
    """An id beyond the class head has no column: such a box teaches nothing, or makes the loss NaN."""
    if subject.data is None or not subject.data.boxes_by_id:
        return
    known: Container[int]
    if subject.label_map is None:
        known, wanted = range(1, (subject.num_classes or 0) + 1), "num_classes"
    else:
        known, wanted = {item.id for item in subject.label_map.items}, subject.label_map_path
    lost = {i: n for i, n in sorted(subject.data.boxes_by_id.items()) if i not in known}
    if not lost or (subject.label_map is None and not subject.num_classes):
        return
    shown = ", ".join(map(str, list(lost)[:10])) + (", ..." if len(lost) > 10 else "")
    boxes = sum(lost.values())
    yield Problem(
        "error" if boxes > _TOLERATED * subject.data.boxes else "warning",
        f"{counted(boxes, 'box has', 'boxes have')} an id that is not among the classes: {shown}",
        f"model.{subject.kind}.num_classes",
        f"the ids of the data must be those of {wanted}: such a box is set aside",
        "give the label map that the data were written with, or write them again",
        place="" if subject.label_map is None else subject.data.path,
    )


RULES = (
    Rule(
        "CFG001",
        "num_classes against the label map",
        num_classes_is_the_label_maps,
        ("error",),
        "num_classes: 90  # with a label map of 4 classes",
        "Set num_classes to the highest id of the label map.",
        safe=True,
    ),
    Rule(
        "CFG002",
        "num_classes against the checkpoint",
        num_classes_is_the_checkpoints,
        ("info",),
        "num_classes: 4  # with a checkpoint of 90 classes",
        "Nothing: the class head starts fresh, all else is taken over.",
    ),
    Rule(
        "CFG031",
        "num_classes against the data, without a label map",
        num_classes_holds_the_datas,
        ("warning",),
        "num_classes: 1  # with data of the classes cat and dog",
        "Give the label map, and set num_classes to its highest id.",
    ),
    Rule(
        "CFG035",
        "ids in the data beyond the classes",
        ids_are_within_num_classes,
        ("error", "warning"),
        "num_classes: 3  # with a TFRecord that holds the label 4",
        "Give the label map that the data were written with, or write them again.",
    ),
)
