"""Rules about the feature maps: do they fit each other, the anchors them, and are there cells enough?"""

from __future__ import annotations

from collections.abc import Iterator

from components.config_validator.rules_image_size import SMALL_IMAGE_SIDE
from components.config_validator.rules_model import is_supported
from components.config_validator.subject import Problem, Rule, Subject
from detection.config.architectures import num_feature_maps, pyramid_that_does_not_halve
from detection.config.feature_map_sizes import feature_map_sizes, first_stage_map_size

_EMBEDDED, _EMBEDDED_SIDE = "embedded_ssd_mobilenet_v1", 256
_FEW_CELLS = 8  # of the first stage, along the shorter side


def anchors_fit_feature_maps(subject: Subject) -> Iterator[Problem]:
    """Each feature map needs its anchors, of its own level."""
    if subject.ssd is None or not is_supported(subject) or "mnasfpn" in subject.ssd.feature_extractor.type:
        return  # MnasFPN's maps are not counted here
    generator = subject.ssd.anchor_generator
    kind = generator.WhichOneof("anchor_generator_oneof")
    if kind not in ("ssd_anchor_generator", "multiscale_anchor_generator"):
        return
    anchors, maps = getattr(generator, kind), num_feature_maps(subject.ssd)
    field = f"model.ssd.anchor_generator.{kind}"
    # the last feature map's number, and what it should be
    if kind == "ssd_anchor_generator":
        last, found, wanted = "num_layers", anchors.num_layers, maps
    else:
        last, found, wanted = "max_level", anchors.max_level, anchors.min_level + maps - 1
    extractor = subject.ssd.feature_extractor
    levels_are_known = kind == "multiscale_anchor_generator" and "_fpn" in extractor.type
    if levels_are_known and anchors.min_level != extractor.fpn.min_level:
        yield Problem(
            "error",
            f"the anchors begin with level {anchors.min_level}, the feature maps with "
            f"level {extractor.fpn.min_level}",
            f"{field}.min_level",
            "a level's anchors are laid by its stride: on a map of another level they miss most of the image",
            f"min_level: {extractor.fpn.min_level}, max_level: {extractor.fpn.max_level}",
        )
    elif found != wanted:
        yield Problem(
            "error",
            f"anchors for {found - wanted + maps} feature maps, but the feature extractor has {maps}",
            f"{field}.{last}",
            "the number of anchors must equal the number of predictions",
            f"{last}: {wanted}",
        )


def image_size_fits_the_pyramid(subject: Subject) -> Iterator[Problem]:
    """A feature pyramid adds each map, doubled, to the next finer one: their sizes must agree."""
    if subject.ssd is None or not is_supported(subject):
        return
    unfit = pyramid_that_does_not_halve(subject.ssd)
    if unfit is not None:
        side, cells = unfit
        yield Problem(
            "error",
            f"a side of {side} pixels gives feature maps of {', '.join(map(str, cells))} cells",
            "model.ssd.image_resizer.fixed_shape_resizer",
            "the pyramid adds each map, doubled, to the next finer one, so each must be half as large",
            "use a height and a width that are multiples of 32, as in the training",
        )


def feature_maps_have_cells(subject: Subject) -> Iterator[Problem]:
    """A feature map of one cell sees the whole image; a second one of the same size adds nothing."""
    if not is_supported(subject):
        return
    if subject.ssd is not None:
        yield from _ssd_has_cells(subject)
    else:
        yield from _first_stage_has_cells(subject)


def _ssd_has_cells(subject: Subject) -> Iterator[Problem]:
    assert subject.ssd is not None
    sizes = feature_map_sizes(subject.ssd)
    if not sizes:
        return
    resizer, field = subject.ssd.image_resizer.fixed_shape_resizer, "model.ssd.image_resizer"
    size = f"{resizer.width}x{resizer.height}"
    if subject.ssd.feature_extractor.type == _EMBEDDED:
        if (resizer.height, resizer.width) != (_EMBEDDED_SIDE, _EMBEDDED_SIDE):
            yield Problem(
                "warning",
                f"{_EMBEDDED} with images of {size}",
                f"{field}.fixed_shape_resizer",
                f"its maps are made for {_EMBEDDED_SIDE}x{_EMBEDDED_SIDE}; TF1 trains it at no other size",
                f"height: {_EMBEDDED_SIDE}, width: {_EMBEDDED_SIDE}",
            )
        return
    single = sizes.count((1, 1))
    if single > 1 and min(resizer.height, resizer.width) >= SMALL_IMAGE_SIDE:
        yield Problem(
            "warning",
            f"images of {size} leave {single} of {len(sizes)} feature maps a single cell",
            f"{field}.fixed_shape_resizer",
            "the anchors of these maps all lie in the middle of the image, and smaller objects "
            f"share a finest map of {sizes[0][1]}x{sizes[0][0]} cells",
            "use the height and width of the training, such as 300",
        )


def _first_stage_has_cells(subject: Subject) -> Iterator[Problem]:
    resizer = subject.detector.image_resizer
    kind = resizer.WhichOneof("image_resizer_oneof")
    if kind == "fixed_shape_resizer":
        shorter = min(resizer.fixed_shape_resizer.height, resizer.fixed_shape_resizer.width)
    elif kind == "keep_aspect_ratio_resizer":
        shorter = resizer.keep_aspect_ratio_resizer.min_dimension
    else:
        return
    cells, _ = first_stage_map_size(subject.faster_rcnn, (shorter, shorter))
    if shorter >= SMALL_IMAGE_SIDE and cells < _FEW_CELLS:
        yield Problem(
            "warning",
            f"{shorter} pixels leave the first stage {cells} cells along the shorter side",
            f"model.faster_rcnn.image_resizer.{kind}",
            "proposals are cut out of this map, so objects of a few dozen pixels are told apart no more",
            "use the size of the training, such as 600",
        )


RULES = (
    Rule(
        "CFG024",
        "anchors against feature maps",
        anchors_fit_feature_maps,
        ("error",),
        "anchor_generator { ssd_anchor_generator { num_layers: 5 } }  # with 6 feature maps",
        "Give the anchors the number of feature maps that the feature extractor has, and their levels.",
    ),
    Rule(
        "CFG025",
        "image size against the feature pyramid",
        image_size_fits_the_pyramid,
        ("error",),
        'fixed_shape_resizer { height: 300 width: 300 }  # with type: "ssd_resnet50_v1_fpn"',
        "Use a height and a width that are multiples of 32.",
    ),
    Rule(
        "CFG029",
        "feature maps without enough cells",
        feature_maps_have_cells,
        ("warning",),
        "fixed_shape_resizer { height: 96 width: 96 }",
        "Use the image size of the training.",
    ),
)
