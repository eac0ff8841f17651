"""Small pipeline.configs of the architectures that run through the OD API's own code, one entry each."""

from __future__ import annotations

from tests.parity.od_api_configs import (
    CONFIGS,
    CONVOLUTIONAL,
    DEPTHWISE,
    FOCAL,
    OVERRIDE,
    SMALL,
    faster_rcnn,
    shared,
    ssd,
    ssd_anchors,
)

_DEEP_CONVOLUTIONS = """conv_hyperparams {
  op: CONV
  regularizer { l2_regularizer { weight: 0.0001 } }
  initializer { truncated_normal_initializer { stddev: 0.01 } }
}"""
_MASKS = f"""predict_instance_masks: true mask_height: 15 mask_width: 15
  mask_prediction_conv_depth: 0 mask_prediction_num_conv_layers: 2 {_DEEP_CONVOLUTIONS}"""
_CROP = "initial_crop_size: 14 maxpool_kernel_size: 2 maxpool_stride: 2"
_UNPOOLED_CROP = "initial_crop_size: 17 maxpool_kernel_size: 1 maxpool_stride: 1"
CONTEXT = """context_config {
  max_num_context_features: 20 context_feature_length: 16 attention_bottleneck_dimension: 32
}"""
_ATROUS = "first_stage_features_stride: 8"
_KEPT_RATIO = "keep_aspect_ratio_resizer { min_dimension: 120 max_dimension: 200 }"


def _mask_rcnn(extractor: str, atrous: bool = False) -> str:
    """The zoo's kind: three stages, masks of 15 by 15; ResNets with stride 8 and dilation."""
    rpn = "number_of_stages: 3 " + ("first_stage_atrous_rate: 2" if atrous else "")
    config = faster_rcnn(extractor, _ATROUS if atrous else "", _MASKS, rpn)
    return config.replace("_stride: 16", "_stride: 8") if atrous else config


def _few_proposals(config: str) -> str:
    """For second stages that cost much."""
    return config.replace("max_proposals: 30", "max_proposals: 12").replace("batch_size: 16", "batch_size: 8")


def _rfcn() -> str:
    config = faster_rcnn("faster_rcnn_resnet101")
    start, end = config.index("second_stage_box_predictor"), config.index("second_stage_batch_size")
    predictor = f"""rfcn_box_predictor {{
      depth: 64 num_spatial_bins_height: 3 num_spatial_bins_width: 3 crop_height: 18 crop_width: 18
      {_DEEP_CONVOLUTIONS}
    }}"""
    return f"{config[:start]}second_stage_box_predictor {{ {predictor} }}\n{config[end:]}"


def _nas(extractor: str) -> str:
    """NASNet's code needs to know the image's size: the zoo's config pads to a square."""
    padded = "keep_aspect_ratio_resizer { min_dimension: 100 max_dimension: 100 pad_to_max_dimension: true }"
    config = faster_rcnn(extractor).replace(_CROP, _UNPOOLED_CROP).replace(_KEPT_RATIO, padded)
    return _few_proposals(config)


_MNASFPN_ANCHORS = """multiscale_anchor_generator {
  min_level: 3 max_level: 6 anchor_scale: 3 aspect_ratios: [1, 2, 0.5] scales_per_octave: 3
}"""
_MNASFPN = "fpn { min_level: 3 max_level: 6 additional_layer_depth: 48 } use_depthwise: true"

SHIM_CONFIGS = {
    **{
        f"ssdlite_mobiledet_{chip}": ssd(f"ssd_mobiledet_{chip}", f"{SMALL} use_depthwise: true", DEPTHWISE)
        for chip in ("cpu", "gpu", "dsp", "edgetpu")
    },
    "ssd_mobilenet_v2_mnasfpn": ssd(
        "ssd_mobilenet_v2_mnasfpn",
        f"{SMALL} {_MNASFPN} {OVERRIDE}",
        shared("kernel_size: 3 use_depthwise: true share_prediction_tower: true"),
        _MNASFPN_ANCHORS,
        size=192,
        loss=FOCAL,
    ),
    "ssd_inception_v3": ssd("ssd_inception_v3", f"{SMALL} {OVERRIDE}", CONVOLUTIONAL, size=200),
    "ssd_resnet50_v1_ppn": ssd(
        "ssd_resnet50_v1_ppn",
        OVERRIDE,
        shared("kernel_size: 1 share_prediction_tower: true"),
        ssd_anchors(options="reduce_boxes_in_lowest_layer: false"),
        loss=FOCAL,
    ),
    **{
        f"ssd_spaghettinet_{size}": ssd(
            "ssd_spaghettinet",
            f'spaghettinet_arch_name: "spaghettinet_edgetpu_{size}"',
            CONVOLUTIONAL,
            ssd_anchors(num_layers=5),
        )
        for size in ("s", "m", "l")
    },
    # what a native model lacks in one option only
    "ssd_mobilenet_v2_kept_ratio": ssd("ssd_mobilenet_v2", SMALL, CONVOLUTIONAL).replace(
        "fixed_shape_resizer { height: 160 width: 160 }", _KEPT_RATIO
    ),
    "rfcn_resnet101": _rfcn(),
    "mask_rcnn_inception_v2": _mask_rcnn("faster_rcnn_inception_v2"),
    "mask_rcnn_resnet50": _mask_rcnn("faster_rcnn_resnet50", atrous=True),
    "mask_rcnn_resnet101": _mask_rcnn("faster_rcnn_resnet101", atrous=True),
    "mask_rcnn_inception_resnet_v2": _few_proposals(
        _mask_rcnn("faster_rcnn_inception_resnet_v2", atrous=True).replace(_CROP, _UNPOOLED_CROP)
    ),
    "context_rcnn_resnet101": faster_rcnn("faster_rcnn_resnet101", rpn=CONTEXT),
    "faster_rcnn_nas": _nas("faster_rcnn_nas"),
    # its proposals overlap so much that few of the sure ones survive
    "faster_rcnn_pnas": _nas("faster_rcnn_pnas").replace("score_threshold: 0.2", "score_threshold: 0.02"),
}
ALL_CONFIGS = CONFIGS | SHIM_CONFIGS
# As DEAD of od_api_configs.
SHIM_DEAD = {
    "ssd_resnet50_v1_ppn": ("FeatureExtractor/resnet_v1_50/block4/",),
    "context_rcnn_resnet101": ("FirstStageFeatureExtractor/resnet_v1_101/block4/",),
    "rfcn_resnet101": ("FirstStageFeatureExtractor/resnet_v1_101/block4/",),
    "mask_rcnn_resnet50": ("FirstStageFeatureExtractor/resnet_v1_50/block4/",),
    "mask_rcnn_resnet101": ("FirstStageFeatureExtractor/resnet_v1_101/block4/",),
}
