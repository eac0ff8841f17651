"""Names in TF2 checkpoints of the Object Detection API's Keras models, and TF1's for the same variables.

A table by architecture. A Keras layer's name decides, not its place in the object graph, which numbers the
backbone's layers and would shift with any of them. Shapes are the same on both sides.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from detection.config.keras_twins import FIX
from detection.errors import BadInput

_FIELDS = {
    "n": r"\d+",
    "part": "expand|depthwise|project",
    "layer": r"[^/]+",
    "convolution": r"Conv2d_\d+_1x1_\d+",
}


@dataclass(frozen=True)
class LayerRule:
    """A Keras layer and its TF1 scope; a field such as `{n}` stands for the same text in both."""

    keras: str
    tf1: str

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        pattern = re.escape(self.keras)
        for field, text in _FIELDS.items():
            pattern = pattern.replace(re.escape(f"{{{field}}}"), f"(?P<{field}>{text})")
        return re.compile(f"(?:.+/)?{pattern}")  # Keras may put the scope of an outer model in front

    def to_tf1(self, layer: str) -> str | None:
        """The TF1 scope of a Keras layer; None if the rule is not about it."""
        match = self._pattern.fullmatch(layer)
        return self.tf1.format(**match.groupdict()) if match else None


@dataclass(frozen=True)
class Names:
    """The rules of one architecture.

    Attributes:
        extractor: feature_extractor.type of TF1.
        network: scope of the backbone in TF1, below the feature extractor's.
        sign: a Keras layer that no other architecture here has.
        backbone: its layers' rules; scopes are below `network`.
    """

    extractor: str
    network: str
    sign: str
    backbone: tuple[LayerRule, ...]

    @cached_property
    def rules(self) -> tuple[LayerRule, ...]:
        """All its layers' rules; scopes are TF1's whole ones."""
        extractor = (
            LayerRule(rule.keras, f"FeatureExtractor/{self.network}/{rule.tf1}")
            for rule in (*self.backbone, *_FEATURE_MAPS)
        )
        return (*extractor, *_PREDICTOR)


_FEATURE_MAPS = (
    LayerRule("FeatureMaps/{layer}_conv", "{layer}"),
    LayerRule("FeatureMaps/{layer}_batchnorm", "{layer}/BatchNorm"),
)
_LEAVES = {
    "kernel": "weights",
    "depthwise_kernel": "depthwise_weights",
    "bias": "biases",
    "gamma": "gamma",
    "beta": "beta",
    "moving_mean": "moving_mean",
    "moving_variance": "moving_variance",
}


def _head(keras: str, tf1: str) -> tuple[LayerRule, ...]:
    return tuple(
        LayerRule(f"BoxPredictor/{keras}_{{n}}/{tf1}{name}", f"BoxPredictor_{{n}}/{tf1}{scope}")
        for name, scope in (
            ("", ""),
            ("_depthwise", "_depthwise"),
            ("_depthwise_batchnorm", "_depthwise/BatchNorm"),
        )
    )


_PREDICTOR = (
    LayerRule("SharedConvolutions_{n}/{convolution}", "BoxPredictor_{n}/{convolution}"),
    LayerRule("SharedConvolutions_{n}/{convolution}_norm", "BoxPredictor_{n}/{convolution}/BatchNorm"),
    *_head("ConvolutionalBoxHead", "BoxEncodingPredictor"),
    *_head("ConvolutionalClassHead", "ClassPredictor"),
)
ARCHITECTURES: tuple[Names, ...] = (
    Names(
        "ssd_mobilenet_v1",
        "MobilenetV1",
        "conv_pw_13",
        (
            LayerRule("conv1", "Conv2d_0"),
            LayerRule("conv1_bn", "Conv2d_0/BatchNorm"),
            LayerRule("conv_dw_{n}", "Conv2d_{n}_depthwise"),
            LayerRule("conv_dw_{n}_bn", "Conv2d_{n}_depthwise/BatchNorm"),
            LayerRule("conv_pw_{n}", "Conv2d_{n}_pointwise"),
            LayerRule("conv_pw_{n}_bn", "Conv2d_{n}_pointwise/BatchNorm"),
        ),
    ),
    Names(
        "ssd_mobilenet_v2",
        "MobilenetV2",
        "block_16_project",
        (
            LayerRule("Conv1", "Conv"),
            LayerRule("bn_Conv1", "Conv/BatchNorm"),
            LayerRule("expanded_conv_{part}", "expanded_conv/{part}"),
            LayerRule("expanded_conv_{part}_BN", "expanded_conv/{part}/BatchNorm"),
            LayerRule("block_{n}_{part}", "expanded_conv_{n}/{part}"),
            LayerRule("block_{n}_{part}_BN", "expanded_conv_{n}/{part}/BatchNorm"),
            LayerRule("Conv_1", "Conv_1"),
            LayerRule("Conv_1_bn", "Conv_1/BatchNorm"),
        ),
    ),
)


def architecture_of(variables: Mapping[str, str], where: str) -> Names:
    """The architecture of a model's Keras variables (by any key); BadInput if it is none of the table's."""
    layers = {name.rpartition("/")[0].rpartition("/")[2] for name in variables.values()}
    for names in ARCHITECTURES:
        if names.sign in layers:
            return names
    supported = ", ".join(names.extractor for names in ARCHITECTURES)
    raise BadInput(
        f"this is a TF2 checkpoint of a detector that is none of {supported}, with variables such as "
        f"{', '.join(sorted(variables.values())[:3])}",
        where,
        FIX,
    )


def tf1_names(variables: Mapping[str, str], names: Names, where: str) -> dict[str, str]:
    """TF1 names by the keys of `variables`, which has Keras names ("conv1_bn/gamma").

    BadInput, naming them, if no rule or more than one is about a variable, or two variables have one name.
    """
    found: dict[str, str] = {}
    unclear: list[str] = []
    for key, variable in variables.items():
        layer, _, leaf = variable.rpartition("/")
        scopes = [scope for rule in names.rules if (scope := rule.to_tf1(layer)) is not None]
        if len(scopes) == 1 and leaf in _LEAVES:
            found[key] = f"{scopes[0]}/{_LEAVES[leaf]}"
        else:
            unclear.append(variable)
    counts = Counter(found.values())
    unclear += [variables[key] for key, target in found.items() if counts[target] > 1]
    if unclear:
        raise BadInput(
            f"{len(unclear)} of the checkpoint's variables are not clearly a TF2 {names.extractor}'s, "
            f"such as {', '.join(unclear[:3])}",
            where,
            f"give the checkpoint of a {names.extractor}_keras with convolutional_box_predictor, "
            "as the Object Detection API writes it",
        )
    return found
