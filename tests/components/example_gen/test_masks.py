from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from components.example_gen.frame import Frame
from components.example_gen.masks import fit_mask
from components.example_gen.orientation import turn_picture, upright_size
from components.example_gen.outlines import draw
from components.example_gen.records import Outline
from components.example_gen.remarks import SetAside


def mask_of(size=(100, 60), inside=(50, 12, 90, 24), mode="L"):
    mask = Image.new("L", size)
    mask.paste(255, inside)
    return png(mask.convert(mode))


def png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def pixels(mask):
    with Image.open(io.BytesIO(mask)) as image:
        assert (image.mode, image.format) == ("L", "PNG")
        return np.asarray(image)


def test_a_mask_that_fits_keeps_its_bytes():
    mask = mask_of()
    assert fit_mask(mask, Frame((100, 60), (100, 60))) is mask


@pytest.mark.parametrize("orientation", range(2, 9))
def test_it_turns_as_the_image_does(orientation):
    mask = mask_of()
    fitted = pixels(fit_mask(mask, Frame((100, 60), upright_size((100, 60), orientation), orientation)))
    with Image.open(io.BytesIO(mask)) as image:
        np.testing.assert_array_equal(fitted, np.asarray(turn_picture(image, orientation)))


def test_it_is_scaled_as_the_image_is_and_stays_black_and_white():
    fitted = pixels(fit_mask(mask_of(), Frame((100, 60), (50, 30))))
    assert fitted.shape == (30, 50) and set(np.unique(fitted)) == {0, 255}
    ys, xs = np.nonzero(fitted)
    assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == (25, 6, 45, 12)


def test_turned_and_scaled():
    assert pixels(fit_mask(mask_of(), Frame((100, 60), (30, 50), 6))).shape == (50, 30)


OUTLINE = Outline("[[50, 12, 90, 12, 90, 24, 50, 24]]")  # that of mask_of
SHARES = Outline("[[0.5, 0.2, 0.9, 0.2, 0.9, 0.4, 0.5, 0.4]]", shares=True)


@pytest.mark.parametrize("outline", [OUTLINE, SHARES])
@pytest.mark.parametrize(
    "frame",
    [
        Frame((100, 60), (100, 60)),
        Frame((100, 60), (60, 100), 6),
        Frame((100, 60), (50, 30)),
        Frame((100, 60), (30, 50), 8),
    ],
)
def test_an_outline_becomes_the_mask_that_it_means(outline, frame):
    np.testing.assert_array_equal(pixels(fit_mask(outline, frame)), pixels(fit_mask(mask_of(), frame)))


def test_an_outline_in_a_huge_picture_is_drawn_in_the_written_size(monkeypatch):
    monkeypatch.setattr("components.example_gen.masks.DECODE_LIMIT", 1000)
    sizes = []
    monkeypatch.setattr(
        "components.example_gen.outlines.draw", lambda *given: sizes.append(given[1:]) or draw(*given)
    )
    frame = Frame((100, 60), (15, 25), 6)
    assert pixels(fit_mask(OUTLINE, frame)).shape == (25, 15)
    assert sizes == [((100, 60), (25, 15))]
    with pytest.raises(SetAside, match="can't be drawn in 100x60"):
        fit_mask(Outline('{"size": [60, 100], "counts": [6000]}'), frame)


def test_a_mask_of_one_bit_becomes_grey():
    assert set(np.unique(pixels(fit_mask(mask_of(mode="1"), Frame((100, 60), (100, 60)))))) == {0, 255}


@pytest.mark.parametrize(
    "mask, reason",
    [
        (None, "has none"),
        (b"no PNG", "can't be decoded"),
        (mask_of()[:60], "can't be decoded"),
        (mask_of((60, 100)), "60x100 in 100x60"),
        (mask_of(inside=(0, 0, 0, 0)), "empty"),
        (Outline("[[1, 2, 3]]"), "can't be drawn"),
        (Outline('{"size": [60, 100], "counts": [6000]}'), "empty"),
    ],
)
def test_masks_that_cannot_be_used(mask, reason):
    with pytest.raises(SetAside, match=reason) as caught:
        fit_mask(mask, Frame((100, 60), (100, 60)))
    assert caught.value.remark.code == "DATA033"


def test_a_mask_in_postscript_is_not_run(monkeypatch):
    run = []
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *given, **more: run.append(given))
    buffer = io.BytesIO()
    Image.new("L", (100, 60), 255).save(buffer, "EPS")
    with pytest.raises(SetAside, match="can't be decoded"):
        fit_mask(buffer.getvalue(), Frame((100, 60), (100, 60)))
    assert not run


def test_a_mask_that_vanishes_when_scaled_is_empty():
    with pytest.raises(SetAside, match="empty"):
        fit_mask(mask_of(inside=(50, 12, 51, 13)), Frame((100, 60), (10, 6)))
