"""SSD Inception v2, from an `SsdFeatureExtractor` proto."""

from __future__ import annotations

from typing import Any

from detection.backbones.inception_v2 import ENDPOINTS, InceptionV2
from detection.errors import BadInput
from detection.feature_extractor import FeatureExtractor
from detection.feature_maps import ssd_layout
from detection.hyperparams import conv_hyperparams

_WHERE = "model.ssd.feature_extractor"


def inception_v2(config: Any) -> FeatureExtractor:
    """ssd_inception_v2; BadInput unless the config overrides the backbone's hyperparameters: it has none."""
    if not config.override_base_feature_extractor_hyperparams:
        raise BadInput(
            "ssd_inception_v2 takes the backbone's hyperparameters from conv_hyperparams only",
            f"{_WHERE}.override_base_feature_extractor_hyperparams",
            "set it to true, as TF1 demands",
        )
    backbone = InceptionV2(
        layout=ssd_layout(
            ENDPOINTS,
            config.num_layers,
            use_depthwise=config.use_depthwise,
            use_explicit_padding=config.use_explicit_padding,
        ),
        depth_multiplier=config.depth_multiplier,
        min_depth=config.min_depth,
        hyperparams=conv_hyperparams(config.conv_hyperparams, f"{_WHERE}.conv_hyperparams"),
    )
    return FeatureExtractor(backbone, config.pad_to_multiple)
