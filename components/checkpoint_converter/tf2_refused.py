"""TF2 checkpoints that hold no model of a TF1 architecture: what they are, and what to give instead."""

from __future__ import annotations

from collections.abc import Mapping

from detection.config.keras_twins import DIFFERENCES, FIX
from detection.errors import BadInput

_PYRAMID = "model/_feature_extractor/_fpn_features_generator/"
_TWO_STAGES = "model/_feature_extractor_for_proposal_features/"
_TWO_STAGE_PYRAMID = "model/_feature_extractor_for_proposal_features/fpn_features_generator/"
# What a checkpoint holds that no other has: the start of a key, the end of a layer's name; the TF2 type.
_TWINS: tuple[tuple[str, str, str], ...] = (
    (_PYRAMID, "conv_pw_13", "ssd_mobilenet_v1_fpn_keras"),
    (_PYRAMID, "block_16_project", "ssd_mobilenet_v2_fpn_keras"),
    (_PYRAMID, "conv4_block36_3_conv", "ssd_resnet152_v1_fpn_keras"),
    (_PYRAMID, "conv4_block23_3_conv", "ssd_resnet101_v1_fpn_keras"),
    (_PYRAMID, "conv4_block6_3_conv", "ssd_resnet50_v1_fpn_keras"),
    (_TWO_STAGE_PYRAMID, "conv4_block36_3_conv", "faster_rcnn_resnet152_fpn_keras"),
    (_TWO_STAGE_PYRAMID, "conv4_block23_3_conv", "faster_rcnn_resnet101_fpn_keras"),
    (_TWO_STAGE_PYRAMID, "conv4_block6_3_conv", "faster_rcnn_resnet50_fpn_keras"),
    (_TWO_STAGES, "conv4_block36_3_conv", "faster_rcnn_resnet152_keras"),
    (_TWO_STAGES, "conv4_block23_3_conv", "faster_rcnn_resnet101_keras"),
    (_TWO_STAGES, "conv4_block6_3_conv", "faster_rcnn_resnet50_keras"),
    (_TWO_STAGES, "", "faster_rcnn_inception_resnet_v2_keras"),
)
# Other models, by the start of a key.
_OTHERS: tuple[tuple[str, str], ...] = (
    ("model/_prediction_head_dict/", "a CenterNet: TF1's Object Detection API has no such model"),
    (
        "model/_feature_extractor/_bifpn_stage/",
        "an EfficientDet: TF1's Object Detection API has no such model",
    ),
)
_DETECTOR = "model/_feature_extractor"  # also of Faster R-CNN, whose two extractors' names go on
_BACKBONE = ("feature_extractor/", "layer_with_weights-", "model/layer_with_weights-")


def refuse_other_models(names: Mapping[str, str], where: str) -> None:
    """BadInput for a checkpoint that can't be of an architecture of tf2_names.

    `names` has Keras variable names ("conv1_bn/gamma") by the key of the object graph ("model/...").
    """
    for start, what in _OTHERS:
        if any(key.startswith(start) for key in names):
            raise BadInput(f"this is a TF2 checkpoint of {what}", where, FIX)
    layers = {name.rpartition("/")[0].rpartition("/")[2] for name in names.values()}
    for start, layer, twin in _TWINS:
        if any(key.startswith(start) for key in names) and (not layer or layer in layers):
            raise BadInput(
                f"this is a TF2 checkpoint of {twin}, which is no {twin.removesuffix('_keras')} of TF1: "
                f"{DIFFERENCES[twin]}",
                where,
                FIX,
            )
    if any(key.startswith(_DETECTOR) for key in names):
        return
    if any(key.startswith(_BACKBONE) for key in names):
        raise BadInput(
            "this is a TF2 classification checkpoint: a backbone without a detector's heads",
            where,
            "give a detector's checkpoint, or slim's TF1 classification checkpoint of the backbone",
        )
    raise BadInput(
        "this TF2 (object-based) checkpoint holds no detector of the Object Detection API, such as "
        f"{', '.join(sorted(names)[:2]) or 'nothing'}",
        where,
        "give the checkpoint that the TF2 training or its exporter wrote (ckpt-0), or a TF1 model.ckpt; "
        "what Upcycle has converted needs no conversion "
        "(`upcycle convert --reverse` gives it its TF1 names again)",
    )
