"""From a `FasterRcnn` proto to a two-stage detector with all its variables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from detection.anchor_builder import grid_anchor_generator
from detection.box_coder import FasterRcnnBoxCoder
from detection.errors import BadInput, NoNativeModel
from detection.extractors.faster_rcnn_inception_resnet_v2 import faster_rcnn_inception_resnet_v2
from detection.extractors.faster_rcnn_inception_v2 import faster_rcnn_inception_v2
from detection.extractors.faster_rcnn_resnet_v1 import (
    faster_rcnn_resnet50,
    faster_rcnn_resnet101,
    faster_rcnn_resnet152,
)
from detection.faster_rcnn import FasterRCNN, TwoStageParts
from detection.faster_rcnn_loss import FasterRcnnLoss, LossWeights
from detection.hyperparams import conv_hyperparams, enum_name
from detection.loss_builder import hard_example_miner
from detection.losses import AnchorLoss, classification_loss, softmax_cross_entropy
from detection.matcher import ArgmaxMatcher
from detection.nms import MulticlassNms
from detection.postprocess_builder import multiclass_nms
from detection.preprocess import FixedShapeResizer, KeepAspectRatioResizer
from detection.rpn import ProposalSelector, RpnParams
from detection.sampler import BalancedSampler
from detection.second_stage import SecondStageParams, SecondStagePostprocessor
from detection.target_assigner import TargetAssigner
from detection.two_stage_extractor import TwoStageExtractor

EXTRACTORS: dict[str, Callable[[Any], TwoStageExtractor]] = {
    "faster_rcnn_inception_resnet_v2": faster_rcnn_inception_resnet_v2,
    "faster_rcnn_inception_v2": faster_rcnn_inception_v2,
    "faster_rcnn_resnet50": faster_rcnn_resnet50,
    "faster_rcnn_resnet101": faster_rcnn_resnet101,
    "faster_rcnn_resnet152": faster_rcnn_resnet152,
}

_MODEL = "model.faster_rcnn"
_BOX_CODER = FasterRcnnBoxCoder()  # not in the config: the OD API's scales are fixed for Faster R-CNN
# fields that change what the model computes, and the only value there is code for
_ONLY: tuple[tuple[str, Any, str], ...] = (
    ("number_of_stages", 2, "bare region proposals have no native model: set number_of_stages: 2"),
    ("use_combined_nms_in_first_stage", False, "remove the line"),
    ("use_static_shapes_for_eval", False, "remove the line"),
)


def build_faster_rcnn(
    config: Any, *, num_classes: int | None = None, extractor: TwoStageExtractor | None = None
) -> FasterRCNN:
    """The detector a `FasterRcnn` proto describes, built, with fresh variables.

    `num_classes` and `extractor` override the config's. Raises BadInput, with the field and the fix, for an
    option that has no native model.
    """
    classes = config.num_classes if num_classes is None else num_classes
    if classes < 1:
        raise BadInput(f"num_classes is {classes}", f"{_MODEL}.num_classes", "set it to the label map's size")
    _refuse_relatives(config)
    for field, value, fix in _ONLY:
        if getattr(config, field) != value:
            raise NoNativeModel(
                f"{field}: {getattr(config, field)} is not supported", f"{_MODEL}.{field}", fix
            )
    if config.feature_extractor.HasField("fpn"):
        raise NoNativeModel(
            "fpn is not supported", f"{_MODEL}.feature_extractor.fpn", "TF1 had no such model"
        )
    where = f"{_MODEL}.second_stage_post_processing"
    processing = config.second_stage_post_processing
    parts = TwoStageParts(
        resizer=_resizer(config.image_resizer),
        anchor_generator=grid_anchor_generator(config.first_stage_anchor_generator),
        rpn=RpnParams(
            hyperparams=conv_hyperparams(
                config.first_stage_box_predictor_conv_hyperparams,
                f"{_MODEL}.first_stage_box_predictor_conv_hyperparams",
            ),
            kernel_size=config.first_stage_box_predictor_kernel_size,
            depth=config.first_stage_box_predictor_depth,
            dilation=config.first_stage_atrous_rate,
        ),
        selector=ProposalSelector(
            _BOX_CODER,
            MulticlassNms(
                score_threshold=config.first_stage_nms_score_threshold,
                iou_threshold=config.first_stage_nms_iou_threshold,
                max_detections_per_class=config.first_stage_max_proposals,
                max_total_detections=config.first_stage_max_proposals,
            ),
        ),
        second_stage=_second_stage(config),
        postprocessor=SecondStagePostprocessor(
            box_coder=_BOX_CODER,
            nms=multiclass_nms(processing, where),
            score_converter=enum_name(processing, "score_converter"),
            logit_scale=processing.logit_scale,
        ),
        loss=_loss(config, classes),
        clip_anchors=config.clip_anchors_to_image,
    )
    if extractor is None:
        extractor = EXTRACTORS[config.feature_extractor.type](config.feature_extractor)
    detector = FasterRCNN(extractor=extractor, parts=parts, num_classes=classes)
    detector.build()
    return detector


def _refuse_relatives(config: Any) -> None:
    """NoNativeModel for the architectures that share the proto with Faster R-CNN, by their names."""
    predictor = config.second_stage_box_predictor
    relatives = (
        ("R-FCN", "second_stage_box_predictor", predictor.HasField("rfcn_box_predictor")),
        (
            "Mask R-CNN",
            "second_stage_box_predictor.mask_rcnn_box_predictor.predict_instance_masks",
            predictor.mask_rcnn_box_predictor.predict_instance_masks,
        ),
        ("Mask R-CNN", "number_of_stages", config.number_of_stages == 3),
        ("Context R-CNN", "context_config", config.HasField("context_config")),
    )
    for name, field, found in relatives:
        if found:
            raise NoNativeModel(
                f"{name} has no native model",
                f"{_MODEL}.{field}",
                f"the nearest that works is {config.feature_extractor.type} as a plain Faster R-CNN:"
                " take a checkpoint and a pipeline.config of it",
            )


def _resizer(config: Any) -> FixedShapeResizer | KeepAspectRatioResizer:
    kind = config.WhichOneof("image_resizer_oneof")
    where = f"{_MODEL}.image_resizer"
    if kind not in ("keep_aspect_ratio_resizer", "fixed_shape_resizer"):
        raise NoNativeModel(
            f"{kind or 'no image resizer'} is not supported",
            where,
            "use keep_aspect_ratio_resizer { min_dimension: 600 max_dimension: 1024 }",
        )
    chosen = getattr(config, kind)
    if chosen.convert_to_grayscale:
        raise NoNativeModel("convert_to_grayscale is not supported", f"{where}.{kind}", "remove the line")
    method = enum_name(chosen, "resize_method")
    if kind == "fixed_shape_resizer":
        return FixedShapeResizer(chosen.height, chosen.width, method)
    if chosen.pad_to_max_dimension:
        raise NoNativeModel(
            "pad_to_max_dimension is not supported",
            f"{where}.{kind}.pad_to_max_dimension",
            "remove the line; images of a batch must then have one size: train with batch_size: 1",
        )
    return KeepAspectRatioResizer(chosen.min_dimension, chosen.max_dimension, method)


def _second_stage(config: Any) -> SecondStageParams:
    kind = config.second_stage_box_predictor.WhichOneof("box_predictor_oneof")
    where = f"{_MODEL}.second_stage_box_predictor"
    if kind != "mask_rcnn_box_predictor":
        raise NoNativeModel(
            f"{kind or 'no box predictor'} is not supported", where, "use mask_rcnn_box_predictor"
        )
    predictor = config.second_stage_box_predictor.mask_rcnn_box_predictor
    if predictor.predict_keypoints:
        raise NoNativeModel("predict_keypoints is not supported", f"{where}.{kind}", "remove the line")
    hyperparams = conv_hyperparams(predictor.fc_hyperparams, f"{where}.{kind}.fc_hyperparams")
    if hyperparams.batch_norm is not None:
        raise NoNativeModel(
            "batch_norm of the second stage's predictor is not supported",
            f"{where}.{kind}.fc_hyperparams.batch_norm",
            "remove it, if the checkpoint's SecondStageBoxPredictor has biases",
        )
    if min(config.initial_crop_size, config.maxpool_kernel_size, config.maxpool_stride) < 1:
        raise BadInput(
            "the crop of the proposals has no size",
            f"{_MODEL}.initial_crop_size, maxpool_kernel_size, maxpool_stride",
            "set all three, for example to 14, 2 and 2",
        )
    return SecondStageParams(
        hyperparams=hyperparams,
        crop_size=config.initial_crop_size,
        pool_size=config.maxpool_kernel_size,
        pool_stride=config.maxpool_stride,
        dropout_rate=1.0 - predictor.dropout_keep_probability if predictor.use_dropout else 0.0,
        share_box_across_classes=predictor.share_box_across_classes,
        fades_at_border=config.use_matmul_crop_and_resize,
    )


def _loss(config: Any, num_classes: int) -> FasterRcnnLoss:
    # the OD API's thresholds for Faster R-CNN are fixed; its config has no matcher
    assigner = TargetAssigner(
        matcher=ArgmaxMatcher(0.5, 0.5, force_match_for_each_row=False),
        box_coder=_BOX_CODER,
        num_classes=num_classes,
        encode_background_as_zeros=False,
    )
    classification: AnchorLoss = softmax_cross_entropy
    if config.second_stage_classification_loss.WhichOneof("classification_loss") is not None:
        classification = classification_loss(config.second_stage_classification_loss)
    miner = None
    if config.HasField("hard_example_miner"):
        mined = hard_example_miner(
            config.hard_example_miner,
            config.second_stage_classification_loss_weight,
            config.second_stage_localization_loss_weight,
        )
        # TF1 gives Faster R-CNN's miner no matches, so that it can't tell negatives
        miner = replace(mined, max_negatives_per_positive=None)
    return FasterRcnnLoss(
        rpn_assigner=replace(assigner, matcher=ArgmaxMatcher(0.7, 0.3), num_classes=1),
        rpn_sampler=BalancedSampler(
            config.first_stage_minibatch_size, config.first_stage_positive_balance_fraction
        ),
        assigner=assigner,
        sampler=BalancedSampler(config.second_stage_batch_size, config.second_stage_balance_fraction),
        classification=classification,
        weights=LossWeights(
            rpn_localization=config.first_stage_localization_loss_weight,
            rpn_objectness=config.first_stage_objectness_loss_weight,
            localization=config.second_stage_localization_loss_weight,
            classification=config.second_stage_classification_loss_weight,
        ),
        miner=miner,
    )
