from __future__ import annotations

import numpy as np
import pytest

from components.example_gen.sign_drawing import CLASSES, SIZE, draw_sign


@pytest.mark.parametrize("name", CLASSES)
def test_a_face_fills_its_square_and_repeats(name):
    face = draw_sign(name, np.random.default_rng(3))
    assert (face.mode, face.size) == ("RGBA", (SIZE, SIZE))
    left, top, right, bottom = face.getchannel("A").getbbox()
    assert right - left > 0.9 * SIZE and bottom - top > 0.75 * SIZE
    assert face.getpixel((0, 0))[3] == 0
    assert face.tobytes() == draw_sign(name, np.random.default_rng(3)).tobytes()


@pytest.mark.parametrize(
    "name, place, colour",
    [
        ("stop", (0.5, 0.15), (186, 18, 30)),
        ("yield", (0.5, 0.2), (200, 22, 34)),
        ("yield", (0.5, 0.42), (244, 244, 240)),
        ("speed_limit", (0.5, 0.06), (204, 18, 28)),
        ("priority_road", (0.5, 0.5), (248, 188, 14)),
    ],
)
def test_colours(name, place, colour):
    face = draw_sign(name, np.random.default_rng(5))
    pixel = face.getpixel((int(place[0] * SIZE), int(place[1] * SIZE)))
    np.testing.assert_allclose(pixel[:3], colour, atol=45)
