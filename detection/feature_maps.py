"""The smaller feature maps SSD grows from a backbone's last endpoint (multi_resolution_feature_maps)."""

from __future__ import annotations

from dataclasses import dataclass

from detection.errors import BadInput
from detection.hyperparams import ConvHyperparams
from detection.layers import Conv


@dataclass(frozen=True)
class FeatureMapLayout:
    """Which maps the predictors see.

    Attributes:
      from_layers: the backbone's endpoints, finest first.
      grown_depths: nominal depth of each map grown after them, each half as wide as the one before.
      grown_kernel_sizes: kernel of each grown map's strided convolution.
      use_depthwise: strided depthwise then 1x1, instead of one strided convolution.
      use_explicit_padding: pad and convolve VALID, instead of SAME.
    """

    from_layers: tuple[str, ...]
    grown_depths: tuple[int, ...]
    grown_kernel_sizes: tuple[int, ...]
    use_depthwise: bool = False
    use_explicit_padding: bool = False

    @property
    def layers_by_map(self) -> int:
        """How many convolutions grow one map."""
        return 3 if self.use_depthwise else 2


def ssd_layout(
    endpoints: tuple[str, str], num_layers: int, *, use_depthwise: bool, use_explicit_padding: bool
) -> FeatureMapLayout:
    """The layout of SSD MobileNets: two endpoints, then up to four grown maps, `num_layers` in all.

    BadInput if that is none.
    """
    if num_layers < 1:
        raise BadInput(
            f"num_layers is {num_layers}",
            "model.ssd.feature_extractor.num_layers",
            "remove the line: 6 is the default",
        )
    depths = (512, 256, 256, 128)[: max(0, num_layers - 2)]
    kernels = (3,) * len(depths)
    return FeatureMapLayout(endpoints[:num_layers], depths, kernels, use_depthwise, use_explicit_padding)


def embedded_layout(
    endpoints: tuple[str, str], *, use_depthwise: bool, use_explicit_padding: bool
) -> FeatureMapLayout:
    """The layout of embedded SSD for 256x256: five maps, the last by a 2x2 kernel over a 2x2 map."""
    return FeatureMapLayout(endpoints, (512, 256, 256), (3, 3, 2), use_depthwise, use_explicit_padding)


def feature_map_layers(
    layout: FeatureMapLayout, *, depth_multiplier: float, min_depth: int, hyperparams: ConvHyperparams
) -> list[Conv]:
    """Layers of the grown maps, in order, `layout.layers_by_map` for each.

    Each map is a 1x1 bottleneck of half the depth, then the strided convolution. Names are TF1's, with the
    depths in them: `layer_19_2_Conv2d_2_3x3_s2_512`. The list is flat: TensorFlow tracks no nested one.
    """
    base = layout.from_layers[-1]
    layers = []
    for grown, (nominal, kernel) in enumerate(
        zip(layout.grown_depths, layout.grown_kernel_sizes, strict=True)
    ):
        index = len(layout.from_layers) + grown
        half = max(int(nominal // 2 * depth_multiplier), min_depth)
        depth = max(int(nominal * depth_multiplier), min_depth)
        name = f"{base}_2_Conv2d_{index}_{kernel}x{kernel}_s2_{depth}"
        padding = layout.use_explicit_padding
        layers.append(Conv(half, 1, hyperparams=hyperparams, name=f"{base}_1_Conv2d_{index}_1x1_{half}"))
        if layout.use_depthwise:
            layers.append(
                Conv(
                    None,
                    kernel,
                    stride=2,
                    explicit_padding=padding,
                    hyperparams=hyperparams,
                    name=f"{name}_depthwise",
                )
            )
            layers.append(Conv(depth, 1, hyperparams=hyperparams, name=name))
        else:
            layers.append(
                Conv(depth, kernel, stride=2, explicit_padding=padding, hyperparams=hyperparams, name=name)
            )
    return layers
