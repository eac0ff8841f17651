"""Puts road signs into a photograph: perspective, pole, light, leaves in front of them, blur and noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter

from components.example_gen.sign_drawing import SIZE, draw_sign

OVERSAMPLING = 2  # signs are placed in a picture twice as large, then shrunk with it


@dataclass(frozen=True)
class PlacedSign:
    """A sign in a picture; the box is of the whole sign, hidden parts included, in pixels from 0."""

    name: str
    xmin: int
    ymin: int
    xmax: int
    ymax: int
    hidden: float  # share of the sign's area behind leaves


def compose(
    picture: Image.Image, names: list[str], rng: np.random.Generator
) -> tuple[Image.Image, list[PlacedSign]]:
    """Draws the named signs into an RGB picture; a sign that finds no free place is left out.

    Returns:
      The finished RGB picture of the same size, and the signs in it (the first always finds a place).
    """
    width, height = picture.size
    scene = picture.resize((OVERSAMPLING * width, OVERSAMPLING * height), Image.Resampling.BICUBIC)
    placed: list[PlacedSign] = []
    for name in names:
        sign = _warped(draw_sign(name, rng), height * rng.uniform(0.20, 0.55), rng)
        corner = _free_place(sign.size, scene.size, placed, rng)
        if corner is not None:
            placed.append(_paste(scene, sign, corner, name, rng))
    return _photographed(scene.resize((width, height), Image.Resampling.LANCZOS), rng), placed


def _warped(face: Image.Image, size: float, rng: np.random.Generator) -> Image.Image:
    """Turns a face within +-15 degrees, tilts it away from the camera; `size` is its height in pixels."""
    side = size * OVERSAMPLING
    angle = math.radians(rng.uniform(-15, 15))
    squeeze = rng.uniform(0.78, 1.0)  # seen from the side
    lean = rng.uniform(-0.10, 0.10)  # the farther edge is shorter
    corners = []
    for u, v in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        x, y = u * squeeze * side / 2, v * (1 + lean * u) * side / 2
        corners.append((x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)))
    left, top = (min(c[i] for c in corners) for i in (0, 1))
    quad = [(x - left + 2, y - top + 2) for x, y in corners]
    wide, high = (math.ceil(max(c[i] for c in quad)) + 2 for i in (0, 1))
    # PIL samples without smoothing, so the face is first shrunk to about its final size
    small = face.resize((round(side), round(side)), Image.Resampling.LANCZOS)
    scale = side / SIZE
    source = [(x * scale, y * scale) for x, y in ((0, 0), (SIZE, 0), (SIZE, SIZE), (0, SIZE))]
    warped = small.transform(
        (wide, high), Image.Transform.PERSPECTIVE, _perspective(quad, source), Image.Resampling.BICUBIC
    )
    return warped.crop(warped.getchannel("A").point(lambda a: 255 if a > 127 else 0).getbbox())


def _perspective(seen: list[tuple[float, float]], flat: list[tuple[float, float]]) -> list[float]:
    """The eight coefficients that take a point of `seen` to its point of `flat`."""
    rows, values = [], []
    for (x, y), (u, v) in zip(seen, flat, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return [float(c) for c in np.linalg.solve(np.array(rows, float), np.array(values, float))]


def _free_place(
    size: tuple[int, int], scene: tuple[int, int], placed: list[PlacedSign], rng: np.random.Generator
) -> tuple[int, int] | None:
    """A corner (x, y) where a sign of this size touches none of the others; None after 30 tries."""
    for _ in range(30):
        x, y = (int(rng.integers(2, scene[i] - size[i] - 2)) for i in (0, 1))
        box = [c / OVERSAMPLING for c in (x, y, x + size[0], y + size[1])]
        if all(box[2] < p.xmin or box[0] > p.xmax or box[3] < p.ymin or box[1] > p.ymax for p in placed):
            return x, y
    return None


def _paste(
    scene: Image.Image, sign: Image.Image, corner: tuple[int, int], name: str, rng: np.random.Generator
) -> PlacedSign:
    x, y = corner
    alpha = sign.getchannel("A")
    if rng.random() < 0.6:
        _pole(scene, x + sign.width // 2, y + int(sign.height * 0.8), sign.width, rng)
    _shadow(scene, alpha, corner, rng)
    scene.paste(_lit(sign, rng), corner, alpha)
    hidden = _leaves(scene, alpha, corner, rng) if rng.random() < 0.25 else 0.0
    return PlacedSign(
        name,
        math.floor(x / OVERSAMPLING),
        math.floor(y / OVERSAMPLING),
        math.ceil((x + sign.width) / OVERSAMPLING),
        math.ceil((y + sign.height) / OVERSAMPLING),
        round(hidden, 3),
    )


def _pole(scene: Image.Image, x: int, y: int, sign_width: int, rng: np.random.Generator) -> None:
    """A round grey pole from the sign down to the lower edge: lighter in its middle."""
    half = max(2, round(sign_width * rng.uniform(0.025, 0.05)))
    grey = rng.uniform(90, 170)
    draw = ImageDraw.Draw(scene)
    for dx in range(-half, half + 1):
        shade = int(grey * (0.55 + 0.45 * math.cos(math.pi / 2 * dx / (half + 1))))
        draw.line([(x + dx, y), (x + dx, scene.height)], fill=(shade, shade, min(255, shade + 5)))


def _shadow(
    scene: Image.Image, alpha: Image.Image, corner: tuple[int, int], rng: np.random.Generator
) -> None:
    radius = alpha.width * 0.03
    pad = math.ceil(3 * radius)
    mask = Image.new("L", (alpha.width + 2 * pad, alpha.height + 2 * pad))
    mask.paste(alpha.point(lambda a: int(a * 0.45)), (pad, pad))
    mask = mask.filter(ImageFilter.GaussianBlur(radius))
    dx, dy = (int(alpha.width * rng.uniform(low, 0.04)) for low in (-0.04, 0.0))
    scene.paste((0, 0, 0), (corner[0] - pad + dx, corner[1] - pad + dy), mask)


def _lit(sign: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Light from one side, an overall brightness, and fine dirt."""
    angle, strength = rng.uniform(0, 2 * math.pi), rng.uniform(0.0, 0.28)
    ys, xs = np.mgrid[-1 : 1 : sign.height * 1j, -1 : 1 : sign.width * 1j]
    light = rng.uniform(0.72, 1.06) * (1 + strength * (xs * math.cos(angle) + ys * math.sin(angle)))
    dirt = rng.normal(0, 5, size=light.shape)
    rgb = np.asarray(sign.convert("RGB"), np.float64) * light[..., None] + dirt[..., None]
    return Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8))


def _leaves(
    scene: Image.Image, alpha: Image.Image, corner: tuple[int, int], rng: np.random.Generator
) -> float:
    """Leaves of a branch over one edge of the sign; returns the share of the sign that they hide."""
    side = alpha.width
    angle = rng.uniform(0, 2 * math.pi)
    centre = (
        np.array([alpha.width, alpha.height]) / 2 * (1 + 0.85 * np.array([math.cos(angle), math.sin(angle)]))
    )
    cover = Image.new("L", alpha.size)
    draw = ImageDraw.Draw(scene)
    covering = ImageDraw.Draw(cover)
    for _ in range(int(rng.integers(14, 34))):
        middle = centre + rng.normal(0, side * 0.13, 2)
        shape = _leaf(middle, side * rng.uniform(0.05, 0.10), rng.uniform(0, math.pi))
        colour = (int(rng.integers(20, 80)), int(rng.integers(70, 140)), int(rng.integers(15, 55)))
        draw.polygon([(x + corner[0], y + corner[1]) for x, y in shape], fill=colour)
        covering.polygon(shape, fill=255)
    both = np.asarray(ImageChops.multiply(cover, alpha), np.float64).sum()
    return float(both / np.asarray(alpha, np.float64).sum())


def _leaf(middle: np.ndarray, length: float, turn: float) -> list[tuple[float, float]]:
    points = []
    for t in np.linspace(0, 2 * math.pi, 16, endpoint=False):
        x, y = length * math.cos(t), 0.45 * length * math.sin(t) * abs(math.sin(t)) ** 0.3
        points.append(
            (
                float(middle[0] + x * math.cos(turn) - y * math.sin(turn)),
                float(middle[1] + x * math.sin(turn) + y * math.cos(turn)),
            )
        )
    return points


def _photographed(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """What a camera adds: exposure, contrast, white balance, a little blur, sensor noise."""
    picture = ImageEnhance.Brightness(picture).enhance(rng.uniform(0.7, 1.2))
    picture = ImageEnhance.Contrast(picture).enhance(rng.uniform(0.85, 1.15))
    if rng.random() < 0.35:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.3)))
    warmth = rng.uniform(-0.06, 0.06)
    pixels = np.asarray(picture, np.float64) * np.array([1 + warmth, 1.0, 1 - warmth])
    pixels += rng.normal(0, rng.uniform(0.5, 4.0), size=pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
