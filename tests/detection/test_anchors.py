from typing import Any

import numpy as np

from detection.anchors import SsdAnchorGenerator, ssd_box_specs


def specs(**changes: Any) -> tuple[tuple[tuple[float, float], ...], ...]:
    settings: dict[str, Any] = dict(
        num_layers=6,
        min_scale=0.2,
        max_scale=0.95,
        scales=[],
        aspect_ratios=[1.0, 2.0, 0.5, 3.0, 0.3333],
        interpolated_scale_aspect_ratio=1.0,
        reduce_boxes_in_lowest_layer=True,
    )
    return ssd_box_specs(**{**settings, **changes})


def test_300x300_mobilenet_has_1917_anchors() -> None:
    generator = SsdAnchorGenerator(specs())
    anchors = generator.generate([(19, 19), (10, 10), (5, 5), (3, 3), (2, 2), (1, 1)], (300, 300))
    assert generator.anchors_per_location == [3, 6, 6, 6, 6, 6]
    assert anchors.shape == (1917, 4) and anchors.dtype == np.float32


def test_first_cell_holds_the_reduced_boxes_in_order() -> None:
    anchors = SsdAnchorGenerator(specs()[:1]).generate([(2, 4)], (100, 100))
    centers = (anchors[:, :2] + anchors[:, 2:]) / 2
    sizes = anchors[:, 2:] - anchors[:, :2]
    np.testing.assert_allclose(centers[:3], [[0.25, 0.125]] * 3, rtol=1e-6)
    np.testing.assert_allclose(centers[3], [0.25, 0.375], rtol=1e-6)  # columns before rows
    root = np.sqrt(2)
    np.testing.assert_allclose(
        sizes[:3], [[0.1, 0.1], [0.2 / root, 0.2 * root], [0.2 * root, 0.2 / root]], rtol=1e-6
    )


def test_interpolated_scale_lies_between_a_map_and_the_next() -> None:
    found = specs(reduce_boxes_in_lowest_layer=False)
    assert len(found[0]) == 6
    np.testing.assert_allclose(found[0][-1], (np.sqrt(0.2 * 0.35), 1.0))
    np.testing.assert_allclose(found[5][-1], (np.sqrt(0.95 * 1.0), 1.0))
    assert len(specs(interpolated_scale_aspect_ratio=0.0)[1]) == 5


def test_own_scales_replace_the_even_steps() -> None:
    found = specs(num_layers=2, scales=[0.3, 0.6], reduce_boxes_in_lowest_layer=False)
    assert [pairs[0][0] for pairs in found] == [0.3, 0.6]
    np.testing.assert_allclose(found[0][-1][0], np.sqrt(0.3 * 0.6))


def test_a_wide_image_keeps_square_anchors_square() -> None:
    anchors = SsdAnchorGenerator((((0.5, 1.0),),)).generate([(1, 1)], (100, 200))
    np.testing.assert_allclose(anchors, [[0.25, 0.375, 0.75, 0.625]])


def test_strides_and_offsets_in_pixels() -> None:
    generator = SsdAnchorGenerator((((0.5, 1.0),),), strides_px=((10, 20),), offsets_px=((5, 0),))
    anchors = generator.generate([(2, 2)], (100, 100))
    np.testing.assert_allclose((anchors[3, :2] + anchors[3, 2:]) / 2, [0.15, 0.2], rtol=1e-6)
