"""The configs whose training steps are compared with TF1's: every architecture, and settings of the loss."""

from __future__ import annotations

from tests.parity.od_api_configs import CONFIGS, DEAD, SIGMOID

# so many that some overlap the groundtruth, whatever the random network proposes: by the RPN's stride
PROPOSALS = {16: 100, 8: 300}
EVERYTHING = """second_stage_balance_fraction: 1
  first_stage_minibatch_size: 100000 first_stage_positive_balance_fraction: 1"""


def repeatable(config: str) -> str:
    """The same detector without what makes two computations of its training step differ.

    A Faster R-CNN's stages both train on everything there is, so that nothing depends on what the samplers
    draw. Batch norm's epsilon is larger: over the few cells of the smallest maps a variance can be so small
    that the division by its root would show every rounding.
    """
    config = config.replace("epsilon: 0.002", "epsilon: 0.05")
    if "faster_rcnn {" not in config:
        return config
    proposals = config.split("first_stage_max_proposals:")[1].split()[0]
    size = config.split("second_stage_batch_size:")[1].split()[0]
    wanted = PROPOSALS[8 if "first_stage_features_stride: 8" in config else 16]
    changes = {
        f"first_stage_max_proposals: {proposals}": f"first_stage_max_proposals: {wanted}",
        f"second_stage_batch_size: {size}": f"second_stage_batch_size: {wanted} {EVERYTHING}",
        "initial_crop_size: 14": "initial_crop_size: 8",
        "initial_crop_size: 17": "initial_crop_size: 9",
    }
    for old, new in changes.items():
        config = config.replace(old, new)
    return config


def _changed(name: str, *changes: tuple[str, str]) -> tuple[str, tuple[str, ...]]:
    """A config of CONFIGS with texts replaced, and its layers that feed nothing."""
    config = CONFIGS[name]
    for old, new in changes:
        assert old in config, old
        config = config.replace(old, new)
    return config, DEAD.get(name, ())


_MINER = """hard_example_miner {
  num_hard_examples: 300 iou_threshold: 0.9 loss_type: CLASSIFICATION
  max_negatives_per_positive: 3 min_negatives_per_image: 3
}"""
_MATCHER = """argmax_matcher {
  matched_threshold: 0.6 unmatched_threshold: 0.4
  force_match_for_each_row: false negatives_lower_than_unmatched: false
}"""
_BACKGROUND = """encode_background_as_zeros: false
  negative_class_weight: 0.4 normalize_loc_loss_by_codesize: true"""
_TOWER = """depth: 20 box_encodings_clip_range { min: -0.5 max: 0.5 }
  use_dropout: true dropout_keep_probability: 0.6 score_converter: SIGMOID"""
_BEFORE = """kernel_size: 3 num_layers_before_predictor: 2 min_depth: 8 max_depth: 24
  box_encodings_clip_range { min: -1 max: 1 }"""
_TWO_STAGE = """second_stage_batch_size: 16
  second_stage_classification_loss { weighted_sigmoid_focal { } }
  first_stage_localization_loss_weight: 2 first_stage_objectness_loss_weight: 0.5
  second_stage_localization_loss_weight: 3 second_stage_classification_loss_weight: 0.7"""
_RPN = "initializer { truncated_normal_initializer { stddev: 0.01 } }"

# Settings that the architectures' own configs leave alone; each with the prefixes of its dead layers.
VARIANTS = {
    "hard_example_mining": _changed(
        "ssd_mobilenet_v2",
        ("classification_weight: 1", f"{_MINER} classification_weight: 1.5"),
        ("localization_weight: 1", "localization_weight: 0.7"),
    ),
    # freeze_batchnorm alone leaves the batch norms that conv_hyperparams govern in training
    "batch_norm_of_slim_frozen": _changed(
        "ssd_mobilenet_v1", ("num_classes: 3", "num_classes: 3 freeze_batchnorm: true")
    ),
    "batch_norm_frozen": _changed(
        "ssd_mobilenet_v1",
        ("num_classes: 3", "num_classes: 3 freeze_batchnorm: true"),
        ("train: true", "train: false"),
    ),
    "batch_norm_partly_trained": _changed("ssd_mobilenet_v1", ("train: true", "train: false")),
    "batch_norm_not_trained": _changed("ssd_mobilenet_v1_fpnlite_cropped", ("train: true", "train: false")),
    "softmax_and_l2": _changed(
        "ssd_mobilenet_v1",
        (SIGMOID, "weighted_softmax { logit_scale: 1.7 }"),
        ("weighted_smooth_l1 { }", "weighted_l2 { }"),
        ("encode_background_as_zeros: true", _BACKGROUND),
        ("kernel_size: 1", "kernel_size: 1 use_dropout: true dropout_keep_probability: 0.7"),
    ),
    "dropout_and_clipped_boxes": _changed(
        "ssd_mobilenet_v1_fpn",
        ("depth: 20", _TOWER),
        ("normalize_loss_by_num_matches: true", "normalize_loss_by_num_matches: false"),
    ),
    "matcher_thresholds": _changed(
        "ssd_mobilenet_v2_fpn",
        ("argmax_matcher { force_match_for_each_row: true }", _MATCHER),
        ("weighted_smooth_l1 { }", "weighted_smooth_l1 { delta: 0.3 }"),
    ),
    "layers_before_the_predictor": _changed("ssd_mobilenet_v2", ("kernel_size: 1", _BEFORE)),
    "bootstrapped_scores": _changed(
        "ssd_mobilenet_v2",
        (SIGMOID, "bootstrapped_sigmoid { alpha: 0.8 }"),
        ("kernel_size: 1", "kernel_size: 1 apply_sigmoid_to_scores: true class_prediction_bias_init: -1"),
    ),
    "l1_regularizer": _changed(
        "ssdlite_mobilenet_v1",
        ("l2_regularizer { weight: 0.00004 }", "l1_regularizer { weight: 0.00003 }"),
        ("activation: RELU_6", "activation: RELU"),
    ),
    "two_stage_focal": _changed("faster_rcnn_inception_v2", ("second_stage_batch_size: 16", _TWO_STAGE)),
    "two_stage_clipped_anchors": _changed(
        "faster_rcnn_inception_v2",
        ("second_stage_batch_size: 16", "second_stage_batch_size: 16 clip_anchors_to_image: true"),
        (_RPN, f"{_RPN} batch_norm {{ decay: 0.9 train: true }}"),
    ),
}
