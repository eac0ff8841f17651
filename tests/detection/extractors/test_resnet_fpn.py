from typing import Any

import pytest
import tensorflow as tf

from detection.backbones.resnet_v1 import UNITS
from detection.errors import BadInput
from detection.extractors.resnet_fpn import resnet50_fpn, resnet101_fpn, resnet152_fpn

WHERE = "model.ssd.feature_extractor"


@pytest.fixture
def extractor(small_config: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The small SSD's `SsdFeatureExtractor` proto; the networks have one unit a block meanwhile."""
    for name in UNITS:
        monkeypatch.setitem(UNITS, name, (1, 1, 1, 1))
    config = small_config.model.ssd.feature_extractor
    config.fpn.SetInParent()  # levels 3 to 7, as by default
    return config


@pytest.mark.parametrize(
    ("build", "scope"),
    [(resnet50_fpn, "resnet_v1_50"), (resnet101_fpn, "resnet_v1_101"), (resnet152_fpn, "resnet_v1_152")],
)
def test_the_pyramid_is_in_the_backbones_scope(build: Any, scope: str, extractor: Any) -> None:
    network = build(extractor)
    maps = network(tf.zeros([1, 128, 128, 3]))
    assert [features.shape[1:] for features in maps] == [(size, size, 25) for size in (16, 8, 4, 2, 1)]
    paths = {variable.path for variable in network.variables}
    assert f"FeatureExtractor/{scope}/fpn/projection_3/kernel" in paths
    assert f"FeatureExtractor/{scope}/fpn/bottom_up_block6/kernel" in paths


def test_a_pyramid_from_level_2_to_4_ends_with_block3(extractor: Any) -> None:
    extractor.fpn.min_level, extractor.fpn.max_level = 2, 4
    network = resnet50_fpn(extractor)
    maps = network(tf.zeros([1, 64, 64, 3]))
    assert [features.shape[1] for features in maps] == [16, 8, 4]
    assert not any("block4" in variable.path for variable in network.variables)


def test_the_override_changes_the_activation_and_not_the_epsilon(extractor: Any) -> None:
    for override, activation in ((False, tf.nn.relu), (True, tf.nn.relu6)):
        extractor.override_base_feature_extractor_hyperparams = override
        hyperparams = resnet50_fpn(extractor).backbone.trunk[0]._hyperparams
        assert hyperparams.activation is activation
        assert hyperparams.batch_norm.epsilon == 1e-5


def test_preprocessing_subtracts_the_channel_means(extractor: Any) -> None:
    pixel = resnet50_fpn(extractor).preprocess(tf.fill([1, 1, 1, 3], 200.0))[0, 0, 0]
    assert [round(float(value), 3) for value in pixel] == [76.32, 83.221, 96.061]


def test_explicit_padding_is_refused(extractor: Any) -> None:
    extractor.use_explicit_padding = True
    with pytest.raises(BadInput) as error:
        resnet50_fpn(extractor)
    assert error.value.where == f"{WHERE}.use_explicit_padding"
