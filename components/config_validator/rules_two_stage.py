"""Rules about Faster R-CNN's second stage: its proposals, their sampling, and how their features are cut."""

from __future__ import annotations

from collections.abc import Iterator

from components.config_validator.subject import Problem, Rule, Subject

_MODEL = "model.faster_rcnn"


def second_stage_has_proposals(subject: Subject) -> Iterator[Problem]:
    """The second stage learns from a sample of the first stage's proposals, and reports no others."""
    model = subject.faster_rcnn
    if model is None:
        return
    proposals, sample = model.first_stage_max_proposals, model.second_stage_batch_size
    if proposals < 1:
        yield Problem(
            "error",
            f"first_stage_max_proposals is {proposals}",
            f"{_MODEL}.first_stage_max_proposals",
            "without a proposal the second stage has nothing to look at",
            "first_stage_max_proposals: 300",
        )
    elif subject.data is not None and proposals < (densest := subject.data.boxes_of_densest):
        yield Problem(
            "warning",
            f"first_stage_max_proposals is {proposals}, but an image has {densest} boxes",
            f"{_MODEL}.first_stage_max_proposals",
            "an object without a proposal of its own is not found",
            "first_stage_max_proposals: 300, or more than twice the boxes of the densest image",
        )
    if sample < 1:
        yield Problem(
            "error",
            f"second_stage_batch_size is {sample}",
            f"{_MODEL}.second_stage_batch_size",
            "the second stage would learn from no proposal",
            "second_stage_batch_size: 64",
        )
    elif sample > proposals >= 1:
        yield Problem(
            "warning",
            f"second_stage_batch_size is {sample}, but there are {proposals} proposals",
            f"{_MODEL}.second_stage_batch_size",
            "no more proposals can be sampled than there are: the rest is padding that costs time",
            f"second_stage_batch_size: {min(64, proposals)}, or a larger first_stage_max_proposals",
        )
    for name in ("first_stage_positive_balance_fraction", "second_stage_balance_fraction"):
        share = getattr(model, name)
        if not 0 < share <= 1:
            yield Problem(
                "error",
                f"{name} is {share:g}",
                f"{_MODEL}.{name}",
                "it is the share of objects in the sample: none would be learned",
                f"{name}: {0.5 if name.startswith('first') else 0.25}",
            )


def crop_has_cells(subject: Subject) -> Iterator[Problem]:
    """Each proposal's features are cut to one size and pooled; something must be left."""
    model = subject.faster_rcnn
    if model is None:
        return
    predictor = model.second_stage_box_predictor.WhichOneof("box_predictor_oneof")
    if predictor == "rfcn_box_predictor":
        yield from _bins_divide_the_crop(model.second_stage_box_predictor.rfcn_box_predictor)
        return
    missing = [
        name
        for name in ("initial_crop_size", "maxpool_kernel_size", "maxpool_stride")
        if getattr(model, name) < 1
    ]
    if missing and model.number_of_stages > 1:
        yield Problem(
            "error",
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set",
            f"{_MODEL}.{missing[0]}",
            "the features of a proposal have no size",
            "set all three as in the training, for example to 14, 2 and 2",
        )
    elif model.maxpool_kernel_size > model.initial_crop_size:
        yield Problem(
            "error",
            f"maxpool_kernel_size is {model.maxpool_kernel_size}, above initial_crop_size, "
            f"{model.initial_crop_size}",
            f"{_MODEL}.maxpool_kernel_size",
            "the pooling leaves no cell of the crop",
            "use those of the training, for example 2 and 14",
        )


def _bins_divide_the_crop(rfcn: object) -> Iterator[Problem]:
    for side in ("height", "width"):
        crop, bins = getattr(rfcn, f"crop_{side}"), getattr(rfcn, f"num_spatial_bins_{side}")
        if bins < 1 or crop < 1 or crop % bins:
            yield Problem(
                "error",
                f"crop_{side} is {crop}, which {bins} bins do not divide",
                f"{_MODEL}.second_stage_box_predictor.rfcn_box_predictor.crop_{side}",
                "each bin takes as many cells of the crop as the others",
                f"a crop_{side} that is a multiple of num_spatial_bins_{side}, such as 18 and 3",
            )


RULES = (
    Rule(
        "CFG032",
        "proposals of the second stage",
        second_stage_has_proposals,
        ("error", "warning"),
        "first_stage_max_proposals: 32 second_stage_batch_size: 64",
        "Use the numbers of the training, such as 300 proposals and a sample of 64.",
    ),
    Rule(
        "CFG037",
        "crops of the second stage",
        crop_has_cells,
        ("error",),
        "initial_crop_size: 14 maxpool_kernel_size: 17 maxpool_stride: 2",
        "Use the crop and the pooling of the training, for example 14, 2 and 2.",
    ),
)
