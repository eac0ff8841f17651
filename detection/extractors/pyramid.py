"""A feature pyramid on a backbone's endpoints, from an `SsdFeatureExtractor` proto."""

from __future__ import annotations

from typing import Any

from detection.feature_maps import FeatureMapLayout
from detection.fpn import FeaturePyramid, backbone_levels
from detection.hyperparams import ConvHyperparams

_WHERE = "model.ssd.feature_extractor.fpn"


def pyramid_layout(config: Any, endpoints: tuple[str, ...]) -> FeatureMapLayout:
    """What the pyramid reads of `endpoints`, the backbone's of levels 2 to 5."""
    levels = backbone_levels(config.fpn.min_level, config.fpn.max_level, _WHERE)
    return FeatureMapLayout(tuple(endpoints[level - 2] for level in levels), (), ())


def pyramid(
    config: Any,
    hyperparams: ConvHyperparams,
    coarse_name: str,
    *,
    use_depthwise: bool = False,
    use_explicit_padding: bool = False,
    first: int | None = None,
) -> FeaturePyramid:
    """The pyramid; its maps beyond the backbone are `coarse_name` with a number.

    They count from `first`, or from the backbone's last level.
    """
    fpn = config.fpn
    levels = backbone_levels(fpn.min_level, fpn.max_level, _WHERE)
    start = levels[-1] if first is None else first
    return FeaturePyramid(
        depth=max(int(fpn.additional_layer_depth * config.depth_multiplier), config.min_depth),
        num_maps=len(levels),
        coarse_names=[f"{coarse_name}{start + n}" for n in range(fpn.max_level - levels[-1])],
        hyperparams=hyperparams,
        use_depthwise=use_depthwise,
        use_explicit_padding=use_explicit_padding,
    )
