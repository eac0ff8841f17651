from typing import Any

import pytest

from detection.builder import build_detector
from detection.errors import BadInput


def test_a_config_without_the_override_is_refused(small_config: Any) -> None:
    extractor = small_config.model.ssd.feature_extractor
    extractor.type = "ssd_inception_v2"
    extractor.override_base_feature_extractor_hyperparams = False
    with pytest.raises(BadInput) as error:
        build_detector(small_config.model)
    assert "override_base_feature_extractor_hyperparams" in error.value.where
