import numpy as np
import pytest

from detection.grid_anchors import GridAnchorGenerator


def test_order_is_row_column_ratio_scale() -> None:
    generator = GridAnchorGenerator((0.5, 1.0), (1.0, 4.0), base_size_px=(64, 64), stride_px=(16, 8))
    assert generator.anchors_per_location == 4
    anchors = generator.generate(2, 3).numpy()
    assert anchors.shape == (2 * 3 * 4, 4)
    np.testing.assert_allclose(
        anchors[:4],
        [[-16, -16, 16, 16], [-32, -32, 32, 32], [-8, -32, 8, 32], [-16, -64, 16, 64]],
    )
    np.testing.assert_allclose(anchors[4], [-16, -8, 16, 24])
    np.testing.assert_allclose(anchors[12], [0, -16, 32, 16])


def test_equals_the_od_api() -> None:
    od_api = pytest.importorskip(
        "object_detection.anchor_generators.grid_anchor_generator", reason="the OD API is not installed"
    )
    options = (0.25, 0.7, 2.0), (0.5, 1.0, 3.0)
    reference = od_api.GridAnchorGenerator(
        *options, base_anchor_size=[200, 256], anchor_stride=[16, 8], anchor_offset=[3, 0]
    )
    found = GridAnchorGenerator(*options, (200, 256), (16, 8), (3, 0)).generate(5, 7)
    np.testing.assert_array_equal(found, reference.generate([(5, 7)])[0].get())
