import numpy as np

from detection.multiscale_anchors import MultiscaleAnchorGenerator

GENERATOR = MultiscaleAnchorGenerator(3, 4, 4.0, (1.0, 2.0), 2)


def test_boxes_of_a_cell_come_by_aspect_ratio_then_scale() -> None:
    assert GENERATOR.anchors_per_location == [4, 4]
    anchors = GENERATOR.generate([(2, 4), (1, 2)], (16, 32))
    assert anchors.shape == (2 * 4 * 4 + 2 * 4, 4) and anchors.dtype == np.float32
    pixels = anchors * [16, 32, 16, 32]
    sizes = pixels[:4, 2:] - pixels[:4, :2]
    square, big = 32.0, 32.0 * np.sqrt(2)
    wide = [[side / np.sqrt(2), side * np.sqrt(2)] for side in (square, big)]
    np.testing.assert_allclose(sizes, [[square] * 2, [big] * 2, *wide], rtol=1e-6)
    np.testing.assert_allclose((pixels[:, :2] + pixels[:, 2:])[:4] / 2, np.full((4, 2), 4.0), rtol=1e-5)


def test_each_level_is_twice_as_coarse() -> None:
    anchors = GENERATOR.generate([(2, 4), (1, 2)], (16, 32)) * [16, 32, 16, 32]
    coarse = anchors[32:]
    np.testing.assert_allclose(coarse[0, 2:] - coarse[0, :2], [64, 64], rtol=1e-6)
    np.testing.assert_allclose((coarse[4, :2] + coarse[4, 2:]) / 2, [8, 24], rtol=1e-5)


def test_a_side_that_is_no_multiple_of_the_stride_starts_on_the_border() -> None:
    pixels = GENERATOR.generate([(2, 4), (1, 2)], (12, 32)) * [12, 32, 12, 32]
    np.testing.assert_allclose((pixels[0, :2] + pixels[0, 2:]) / 2, [0, 4], atol=1e-5)
