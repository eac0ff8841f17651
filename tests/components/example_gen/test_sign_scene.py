from __future__ import annotations

import numpy as np
from PIL import Image

from components.example_gen.sign_scene import compose


def test_boxes_lie_around_what_was_drawn():
    for seed in range(12):
        rng = np.random.default_rng(seed)
        picture, placed = compose(Image.new("RGB", (400, 300), (40, 60, 200)), ["stop", "priority_road"], rng)
        assert picture.size == (400, 300) and 1 <= len(placed) <= 2
        red_minus_blue = np.asarray(picture, np.int16)[..., 0] - np.asarray(picture, np.int16)[..., 2]
        ys, xs = np.nonzero(red_minus_blue > 60)  # the background is blue, leaves are green
        inside = np.zeros(xs.shape, bool)
        for sign in placed:
            assert 0 <= sign.xmin < sign.xmax <= 400 and 0 <= sign.ymin < sign.ymax <= 300
            assert 0.15 < (sign.ymax - sign.ymin) / 300 < 0.65
            here = (xs >= sign.xmin) & (xs < sign.xmax) & (ys >= sign.ymin) & (ys < sign.ymax)
            assert here.sum() > 0.2 * (sign.xmax - sign.xmin) * (sign.ymax - sign.ymin)
            inside |= here
        assert inside.mean() > 0.99


def test_signs_do_not_overlap():
    rng = np.random.default_rng(0)
    for _ in range(10):
        _, placed = compose(Image.new("RGB", (400, 300)), ["stop", "yield", "speed_limit"], rng)
        for i, a in enumerate(placed):
            for b in placed[i + 1 :]:
                assert (
                    a.xmax <= b.xmin + 1
                    or b.xmax <= a.xmin + 1
                    or a.ymax <= b.ymin + 1
                    or b.ymax <= a.ymin + 1
                )
