"""Small pipeline.configs of the architectures that convert, one entry each."""

from __future__ import annotations

HYPERPARAMS = """conv_hyperparams {
  activation: RELU_6
  regularizer { l2_regularizer { weight: 0.00004 } }
  initializer { truncated_normal_initializer { stddev: 0.03 } }
  batch_norm { decay: 0.9 epsilon: 0.002 center: true scale: true train: true }
}"""
CONVOLUTIONAL = f"convolutional_box_predictor {{ kernel_size: 1 {HYPERPARAMS} }}"
DEPTHWISE = f"convolutional_box_predictor {{ kernel_size: 3 use_depthwise: true {HYPERPARAMS} }}"
SIGMOID = "weighted_sigmoid { }"
OVERRIDE = "override_base_feature_extractor_hyperparams: true"


def ssd_anchors(num_layers: int = 6, options: str = "") -> str:
    return f"""ssd_anchor_generator {{
      num_layers: {num_layers} min_scale: 0.2 max_scale: 0.95 aspect_ratios: [1, 2, 0.5] {options}
    }}"""


def shared(options: str = "", hyperparams: str = HYPERPARAMS) -> str:
    """A weight-shared predictor."""
    return f"""weight_shared_convolutional_box_predictor {{
      depth: 20 num_layers_before_predictor: 2 class_prediction_bias_init: -2 {options} {hyperparams}
    }}"""


def pyramid(min_level: int = 3, max_level: int = 7, options: str = "scales_per_octave: 2") -> tuple[str, str]:
    """Settings of a feature pyramid, and its anchors."""
    levels = f"min_level: {min_level} max_level: {max_level}"
    return (
        f"fpn {{ {levels} additional_layer_depth: 64 }}",
        f"multiscale_anchor_generator {{ {levels} anchor_scale: 4 aspect_ratios: [1, 2, 0.5] {options} }}",
    )


def ssd(
    extractor: str,
    options: str,
    predictor: str,
    anchors: str = "",
    size: int = 160,
    loss: str = SIGMOID,
    more: str = "",
) -> str:
    """A pipeline.config of a small SSD; `options` are the feature extractor's, without conv_hyperparams."""
    return f"""model {{ ssd {{
      num_classes: 3 {more}
      image_resizer {{ fixed_shape_resizer {{ height: {size} width: {size} }} }}
      feature_extractor {{ type: "{extractor}" {options} {HYPERPARAMS} }}
      box_coder {{ faster_rcnn_box_coder {{ }} }}
      matcher {{ argmax_matcher {{ force_match_for_each_row: true }} }}
      similarity_calculator {{ iou_similarity {{ }} }}
      encode_background_as_zeros: true
      box_predictor {{ {predictor} }}
      anchor_generator {{ {anchors or ssd_anchors()} }}
      post_processing {{
        batch_non_max_suppression {{
          score_threshold: 0.2 iou_threshold: 0.6 max_detections_per_class: 20 max_total_detections: 30
        }}
        score_converter: SIGMOID
      }}
      normalize_loss_by_num_matches: true
      loss {{
        localization_loss {{ weighted_smooth_l1 {{ }} }}
        classification_loss {{ {loss} }}
        classification_weight: 1 localization_weight: 1
      }}
    }} }}"""


def faster_rcnn(extractor: str, options: str = "", predictor: str = "", rpn: str = "") -> str:
    """A pipeline.config of a small Faster R-CNN; options of the extractor, the second stage and the RPN."""
    return f"""model {{ faster_rcnn {{
      num_classes: 3
      image_resizer {{ keep_aspect_ratio_resizer {{ min_dimension: 120 max_dimension: 200 }} }}
      feature_extractor {{ type: "{extractor}" {options} }}
      first_stage_anchor_generator {{ grid_anchor_generator {{
        height: 64 width: 64 height_stride: 16 width_stride: 16
        scales: [0.5, 1, 2] aspect_ratios: [0.5, 1, 2]
      }} }}
      first_stage_box_predictor_conv_hyperparams {{
        regularizer {{ l2_regularizer {{ weight: 0.0001 }} }}
        initializer {{ truncated_normal_initializer {{ stddev: 0.01 }} }}
      }}
      first_stage_box_predictor_depth: 64
      first_stage_nms_iou_threshold: 0.7
      first_stage_max_proposals: 30
      initial_crop_size: 14 maxpool_kernel_size: 2 maxpool_stride: 2
      {rpn}
      second_stage_box_predictor {{ mask_rcnn_box_predictor {{
        fc_hyperparams {{
          op: FC
          regularizer {{ l2_regularizer {{ weight: 0.0001 }} }}
          initializer {{ variance_scaling_initializer {{ factor: 1 uniform: true mode: FAN_AVG }} }}
        }}
        {predictor}
      }} }}
      second_stage_batch_size: 16
      second_stage_post_processing {{
        batch_non_max_suppression {{
          score_threshold: 0.2 iou_threshold: 0.6 max_detections_per_class: 20 max_total_detections: 30
        }}
        score_converter: SOFTMAX
      }}
    }} }}"""


SMALL = "depth_multiplier: 0.25 min_depth: 8"
FPN, FPN_ANCHORS = pyramid()
FINE_FPN, FINE_FPN_ANCHORS = pyramid(2, 4, "scales_per_octave: 1")
FOCAL = "weighted_sigmoid_focal { gamma: 2 alpha: 0.25 }"
NO_BATCH_NORM = HYPERPARAMS[: HYPERPARAMS.index("batch_norm")] + "}"
CONFIGS = {
    "ssd_mobilenet_v1": ssd("ssd_mobilenet_v1", SMALL, CONVOLUTIONAL),
    "ssd_mobilenet_v1_overridden": ssd("ssd_mobilenet_v1", f"{SMALL} {OVERRIDE}", CONVOLUTIONAL),
    "ssdlite_mobilenet_v1": ssd("ssd_mobilenet_v1", f"{SMALL} use_depthwise: true", DEPTHWISE),
    "ssd_mobilenet_v2": ssd("ssd_mobilenet_v2", SMALL, CONVOLUTIONAL),
    "ssdlite_mobilenet_v2": ssd("ssd_mobilenet_v2", f"{SMALL} use_depthwise: true {OVERRIDE}", DEPTHWISE),
    "embedded_ssd_mobilenet_v1": ssd(
        "embedded_ssd_mobilenet_v1", SMALL, CONVOLUTIONAL, ssd_anchors(5), size=256
    ),
    "ssd_mobilenet_v3_large": ssd("ssd_mobilenet_v3_large", f"{SMALL} {OVERRIDE}", CONVOLUTIONAL),
    "ssdlite_mobilenet_v3_large": ssd("ssd_mobilenet_v3_large", f"{SMALL} use_depthwise: true", DEPTHWISE),
    "ssd_mobilenet_v3_small": ssd(
        "ssd_mobilenet_v3_small", "depth_multiplier: 1 min_depth: 12", CONVOLUTIONAL
    ),
    "ssdlite_mobilenet_v3_small": ssd(
        "ssd_mobilenet_v3_small", f"{SMALL} use_depthwise: true {OVERRIDE}", DEPTHWISE
    ),
    "ssdlite_mobilenet_edgetpu": ssd(
        "ssd_mobilenet_edgetpu",
        f"{SMALL} use_depthwise: true {OVERRIDE}",
        DEPTHWISE,
        more="inplace_batchnorm_update: true",
    ),
    "ssd_mobilenet_v1_ppn": ssd("ssd_mobilenet_v1_ppn", SMALL, CONVOLUTIONAL),
    "ssd_mobilenet_v1_ppn_shared_predictor": ssd(
        "ssd_mobilenet_v1_ppn",
        f"{SMALL} {OVERRIDE}",
        shared("kernel_size: 1 share_prediction_tower: true"),
        ssd_anchors(options="reduce_boxes_in_lowest_layer: false"),
        loss=FOCAL,
    ),
    "ssd_inception_v2": ssd("ssd_inception_v2", f"{SMALL} {OVERRIDE}", CONVOLUTIONAL),
    "ssdlite_inception_v2": ssd("ssd_inception_v2", f"{SMALL} use_depthwise: true {OVERRIDE}", DEPTHWISE),
    "ssd_mobilenet_v1_fpn": ssd("ssd_mobilenet_v1_fpn", f"{SMALL} {FPN}", shared(), FPN_ANCHORS, loss=FOCAL),
    "ssd_mobilenet_v1_fpnlite_cropped": ssd(
        "ssd_mobilenet_v1_fpn",
        f"{SMALL} {FPN} {OVERRIDE} use_depthwise: true use_explicit_padding: true",
        shared("use_depthwise: true share_prediction_tower: true"),
        FPN_ANCHORS,
        size=150,
        loss=FOCAL,
    ),
    "ssd_mobilenet_v2_fpn": ssd(
        "ssd_mobilenet_v2_fpn",
        f"{SMALL} {FPN} pad_to_multiple: 32",
        shared("box_encodings_clip_range { min: -2 max: 2 } use_dropout: true", NO_BATCH_NORM),
        FPN_ANCHORS,
        size=150,
        loss=FOCAL,
    ),
    "ssd_mobilenet_v2_fpnlite_fine": ssd(
        "ssd_mobilenet_v2_fpn",
        f"{SMALL} {FINE_FPN} {OVERRIDE} use_depthwise: true",
        CONVOLUTIONAL,
        FINE_FPN_ANCHORS,
        size=128,
        loss=FOCAL,
    ),
    "ssd_mobilenet_v1_shared_predictor": ssd(
        "ssd_mobilenet_v1",
        SMALL,
        shared(),
        "ssd_anchor_generator { num_layers: 6 aspect_ratios: [1, 2] reduce_boxes_in_lowest_layer: false }",
    ),
    "ssd_resnet50_v1_fpn": ssd(
        "ssd_resnet50_v1_fpn", f"{SMALL} {FPN} {OVERRIDE}", shared(), FPN_ANCHORS, loss=FOCAL
    ),
    "ssd_resnet50_v1_fpn_fine": ssd(
        "ssd_resnet50_v1_fpn",
        f"depth_multiplier: 0.1 min_depth: 8 {FINE_FPN} pad_to_multiple: 32",
        CONVOLUTIONAL,
        FINE_FPN_ANCHORS,
        size=150,
        loss=FOCAL,
    ),
    "ssd_resnet101_v1_fpn": ssd("ssd_resnet101_v1_fpn", f"{SMALL} {FPN}", shared(), FPN_ANCHORS, loss=FOCAL),
    "ssd_resnet152_v1_fpn": ssd("ssd_resnet152_v1_fpn", f"{SMALL} {FPN}", shared(), FPN_ANCHORS, loss=FOCAL),
    "faster_rcnn_inception_v2": faster_rcnn("faster_rcnn_inception_v2"),
    "faster_rcnn_inception_v2_shared_box": faster_rcnn(
        "faster_rcnn_inception_v2",
        "batch_norm_trainable: true",
        "share_box_across_classes: true use_dropout: true dropout_keep_probability: 0.9",
    ),
    "faster_rcnn_resnet50": faster_rcnn("faster_rcnn_resnet50"),
    "faster_rcnn_resnet101": faster_rcnn("faster_rcnn_resnet101"),
    "faster_rcnn_resnet101_atrous": faster_rcnn(
        "faster_rcnn_resnet101", "first_stage_features_stride: 8", rpn="first_stage_atrous_rate: 2"
    ).replace("_stride: 16", "_stride: 8"),
    "faster_rcnn_resnet152": faster_rcnn("faster_rcnn_resnet152"),
    "faster_rcnn_inception_resnet_v2": faster_rcnn("faster_rcnn_inception_resnet_v2"),
    "faster_rcnn_inception_resnet_v2_atrous": faster_rcnn(
        "faster_rcnn_inception_resnet_v2", "first_stage_features_stride: 8", rpn="first_stage_atrous_rate: 2"
    )
    .replace("_stride: 16", "_stride: 8")
    .replace(
        "initial_crop_size: 14 maxpool_kernel_size: 2 maxpool_stride: 2",
        "initial_crop_size: 17 maxpool_kernel_size: 1 maxpool_stride: 1",
    )
    # crops of 17 by 17 cells cost much: fewer, from a smaller image
    .replace("max_proposals: 30", "max_proposals: 12")
    .replace("min_dimension: 120 max_dimension: 200", "min_dimension: 100 max_dimension: 170"),
}
# Layers that TF1 makes and trains but that feed no prediction: a checkpoint has them, a frozen graph has not.
PPN_DEAD = tuple(f"FeatureExtractor/MobilenetV1/Conv2d_{index}_" for index in (12, 13))
DEAD = {
    "faster_rcnn_resnet50": ("FirstStageFeatureExtractor/resnet_v1_50/block4/",),
    "faster_rcnn_resnet101": ("FirstStageFeatureExtractor/resnet_v1_101/block4/",),
    "faster_rcnn_resnet101_atrous": ("FirstStageFeatureExtractor/resnet_v1_101/block4/",),
    "faster_rcnn_resnet152": ("FirstStageFeatureExtractor/resnet_v1_152/block4/",),
    "ssd_mobilenet_v2_fpnlite_fine": (
        *(f"FeatureExtractor/MobilenetV2/expanded_conv_{index}/" for index in (13, 14, 15, 16)),
        "FeatureExtractor/MobilenetV2/Conv_1/",
    ),
    "ssd_mobilenet_v1_ppn": PPN_DEAD,
    "ssd_mobilenet_v1_ppn_shared_predictor": PPN_DEAD,
    "ssd_resnet50_v1_fpn_fine": ("FeatureExtractor/resnet_v1_50/block4/",),
}
