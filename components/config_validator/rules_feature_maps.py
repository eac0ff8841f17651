"""Rules about the feature maps: do they fit each other, and the anchors them?"""

from __future__ import annotations

from collections.abc import Iterator

from components.config_validator.subject import Problem, Subject
from detection.config.architectures import num_feature_maps, pyramid_that_does_not_halve


def anchors_fit_feature_maps(subject: Subject) -> Iterator[Problem]:
    """Each feature map needs its anchors."""
    if subject.ssd is None:
        return
    generator = subject.ssd.anchor_generator
    kind = generator.WhichOneof("anchor_generator_oneof")
    if kind not in ("ssd_anchor_generator", "multiscale_anchor_generator"):
        return
    anchors, maps = getattr(generator, kind), num_feature_maps(subject.ssd)
    # the last feature map's number, and what it should be
    if kind == "ssd_anchor_generator":
        field, found, wanted = "num_layers", anchors.num_layers, maps
    else:
        field, found, wanted = "max_level", anchors.max_level, anchors.min_level + maps - 1
    if found != wanted:
        yield Problem(
            "error",
            f"anchors for {found - wanted + maps} feature maps, but the feature extractor has {maps}",
            f"model.ssd.anchor_generator.{kind}.{field}",
            "the number of anchors must equal the number of predictions",
            f"{field}: {wanted}",
        )


def image_size_fits_the_pyramid(subject: Subject) -> Iterator[Problem]:
    """A feature pyramid adds each map, doubled, to the next finer one: their sizes must agree."""
    unfit = None if subject.ssd is None else pyramid_that_does_not_halve(subject.ssd)
    if unfit is not None:
        side, cells = unfit
        yield Problem(
            "error",
            f"a side of {side} pixels gives feature maps of {', '.join(map(str, cells))} cells",
            "model.ssd.image_resizer.fixed_shape_resizer",
            "the pyramid adds each map, doubled, to the next finer one, so each must be half as large",
            "use a height and a width that are multiples of 32, as in the training",
        )
