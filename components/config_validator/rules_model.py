"""Rules about the architecture: is there a model of it?"""

from __future__ import annotations

from collections.abc import Iterator

from components.config_validator.findings import Change
from components.config_validator.subject import Problem, Rule, Subject
from detection.config.architectures import SUPPORTED, architecture_of, nearest_supported
from detection.config.keras_twins import SUFFIX, difference, is_twin, tf1_type

META_ARCHITECTURES = ("ssd", "faster_rcnn")
SLOWER = "it runs through the Object Detection API's own code: slower to build, otherwise the same"


def architecture_is_supported(subject: Subject) -> Iterator[Problem]:
    """There must be a model of this feature extractor, native or through the Object Detection API's code."""
    architecture = architecture_of(subject.config.model)
    if _is_ours(subject) or _is_anothers(subject):
        return  # or another rule says what is wrong with it
    field = f"model.{subject.kind}.feature_extractor.type"
    twin = is_twin(subject.config.model)
    reason = difference(subject.config.model) if twin else f"there is a model for {', '.join(SUPPORTED)}"
    if reason is None:
        yield Problem(
            "info",
            f"{architecture} is TF2's name",
            field,
            "TF1's model computes the same, from a checkpoint of TF1 or TF2",
            f'type: "{tf1_type(architecture)}"',
            (Change(field=field, value=tf1_type(architecture)),),
        )
        return
    nearest = nearest_supported(architecture)
    yield Problem(
        "error",
        f"{subject.kind} with {architecture} is not supported",
        field,
        f"this is a TF2 config; {reason}" if twin else reason,
        f"give the TF1 config that the checkpoint was trained with; the nearest supported is {nearest}",
    )


def type_is_named_in_full(subject: Subject) -> Iterator[Problem]:
    """A feature extractor's type says which meta-architecture it is made for: `ssd_inception_v2`."""
    wanted = full_type(subject)
    if wanted is not None:
        field = f"model.{subject.kind}.feature_extractor.type"
        yield Problem(
            "error",
            f'"{subject.detector.feature_extractor.type}" is a backbone\'s name, not a type',
            field,
            f"as feature extractor of {subject.kind} it is called {wanted}",
            f'type: "{wanted}"',
            (Change(field=field, value=wanted),),
        )


def extractor_is_of_this_meta_architecture(subject: Subject) -> Iterator[Problem]:
    """SSD and Faster R-CNN use backbones in different ways, so each has feature extractors of its own."""
    other = other_meta_architecture(subject)
    if other is None:
        return
    architecture = subject.detector.feature_extractor.type
    yield Problem(
        "error",
        f"{architecture} is a feature extractor of {other}, but the model is {subject.kind}",
        f"model.{subject.kind}.feature_extractor.type",
        "the variables of one do not fit the other",
        f"if the checkpoint is of {other}, take its pipeline.config; "
        f"else name the {subject.kind} extractor that it was trained with",
    )


def feature_extractor_is_there(subject: Subject) -> Iterator[Problem]:
    """Without a feature extractor type there is no model to build."""
    if subject.kind not in META_ARCHITECTURES or subject.detector.feature_extractor.type:
        return
    example = "ssd_mobilenet_v2" if subject.ssd else "faster_rcnn_resnet50"
    yield Problem(
        "error",
        "the model has no feature_extractor type",
        f"model.{subject.kind}.feature_extractor",
        "it says which backbone the checkpoint's variables belong to",
        f'add feature_extractor {{ type: "{example}" ... }} as in the config of the training',
    )


def is_supported(subject: Subject) -> bool:
    """Whether there is a model of this feature extractor, under its full name or TF2's."""
    twin = is_twin(subject.config.model) and difference(subject.config.model) is None
    return subject.kind in META_ARCHITECTURES and (_is_ours(subject) or twin)


def _is_ours(subject: Subject) -> bool:
    known = architecture_of(subject.config.model) in SUPPORTED
    return subject.kind in META_ARCHITECTURES and known and other_meta_architecture(subject) is None


def _is_anothers(subject: Subject) -> bool:
    """Whether another rule is about the feature extractor: without a type, a short one, one of the other."""
    return subject.kind in META_ARCHITECTURES and (
        not subject.detector.feature_extractor.type
        or full_type(subject) is not None
        or other_meta_architecture(subject) is not None
    )


def full_type(subject: Subject) -> str | None:
    """The type that a feature extractor's short name stands for ("inception_v2" under ssd), if it is one."""
    if subject.kind not in META_ARCHITECTURES:
        return None
    wanted = f"{subject.kind}_{subject.detector.feature_extractor.type}"
    return wanted if wanted in SUPPORTED else None


def other_meta_architecture(subject: Subject) -> str | None:
    """The meta-architecture that the feature extractor is of, if that isn't the config's."""
    if subject.kind not in META_ARCHITECTURES:
        return None
    architecture = subject.detector.feature_extractor.type.removesuffix(SUFFIX)
    other = META_ARCHITECTURES[1 - META_ARCHITECTURES.index(subject.kind)]
    if f"{other}_{architecture}" in SUPPORTED and full_type(subject) is None:
        return other
    of_ssd = "ssd" in architecture.split("_")  # embedded_ssd_mobilenet_v1 too
    of_this = of_ssd if subject.kind == "ssd" else architecture.startswith(subject.kind)
    return other if architecture in SUPPORTED and not of_this else None


RULES = (
    Rule(
        "CFG003",
        "supported architecture",
        architecture_is_supported,
        ("error", "info"),
        'feature_extractor { type: "ssd_mobilenet_v9" }',
        "Give the TF1 config that the checkpoint was trained with.",
        safe=True,
    ),
    Rule(
        "CFG004",
        "type of the feature extractor",
        feature_extractor_is_there,
        ("error",),
        "feature_extractor { depth_multiplier: 1.0 }",
        "Name the type of the feature extractor, as in the config of the training.",
    ),
    Rule(
        "CFG033",
        "short name of a feature extractor",
        type_is_named_in_full,
        ("error",),
        'model { ssd { feature_extractor { type: "inception_v2" } } }',
        "Name the type in full, with its meta-architecture.",
        safe=True,
    ),
    Rule(
        "CFG036",
        "feature extractor of the other meta-architecture",
        extractor_is_of_this_meta_architecture,
        ("error",),
        'model { ssd { feature_extractor { type: "faster_rcnn_resnet50" } } }',
        "Take the pipeline.config that the checkpoint was trained with.",
    ),
)
