"""The faces of four road signs, drawn flat and front on, for the demonstration data."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from components.example_gen.fonts import dejavu_sans

SIZE = 480  # pixels of a face's side; faces are always shrunk afterwards, which smooths their edges
CLASSES = ("stop", "yield", "speed_limit", "priority_road")
SPEED_LIMITS = (20, 30, 40, 50, 60, 70, 80, 90, 100, 120)

Colour = tuple[int, int, int]
Point = tuple[float, float]

WHITE: Colour = (244, 244, 240)
BLACK: Colour = (24, 24, 26)


def draw_sign(name: str, rng: np.random.Generator) -> Image.Image:
    """Draws one face as RGBA [SIZE, SIZE], transparent outside the sign; `name` is one of CLASSES."""
    return _FACES[name](rng)


def _stop(rng: np.random.Generator) -> Image.Image:
    face, draw = _canvas()
    red = _jitter((186, 18, 30), rng)
    draw.polygon(_regular_polygon(8, 0.5, math.pi / 8), fill=WHITE)
    draw.polygon(_regular_polygon(8, 0.475, math.pi / 8), fill=red)
    _centred_text(draw, "STOP", width=0.76, height=0.30, colour=WHITE)
    return face


def _yield(rng: np.random.Generator) -> Image.Image:
    face, draw = _canvas()
    red = _jitter((200, 22, 34), rng)
    _rounded_triangle(draw, 0.5, red)
    _rounded_triangle(draw, 0.5 * rng.uniform(0.50, 0.60), WHITE)
    return face


def _speed_limit(rng: np.random.Generator) -> Image.Image:
    face, draw = _canvas()
    red = _jitter((204, 18, 28), rng)
    _disc(draw, 0.5, WHITE)
    _disc(draw, 0.49, red)
    _disc(draw, rng.uniform(0.37, 0.40), WHITE)
    limit = str(SPEED_LIMITS[int(rng.integers(len(SPEED_LIMITS)))])
    _centred_text(draw, limit, width=0.60, height=0.36, colour=BLACK)
    return face


def _priority_road(rng: np.random.Generator) -> Image.Image:
    face, draw = _canvas()
    yellow = _jitter((248, 188, 14), rng)
    draw.polygon(_regular_polygon(4, 0.5, 0.0), fill=BLACK)
    draw.polygon(_regular_polygon(4, 0.485, 0.0), fill=WHITE)
    draw.polygon(_regular_polygon(4, rng.uniform(0.34, 0.38), 0.0), fill=yellow)
    return face


_FACES: dict[str, Callable[[np.random.Generator], Image.Image]] = {
    "stop": _stop,
    "yield": _yield,
    "speed_limit": _speed_limit,
    "priority_road": _priority_road,
}


def _canvas() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    face = Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 0))
    return face, ImageDraw.Draw(face)


def _jitter(colour: Colour, rng: np.random.Generator) -> Colour:
    """Paint differs from maker to maker and fades with age."""
    fade = rng.uniform(0.0, 0.12)
    shifted = [(1 - fade) * c + fade * 190 + rng.normal(0, 6) for c in colour]
    red, green, blue = (int(np.clip(round(c), 0, 255)) for c in shifted)
    return red, green, blue


def _regular_polygon(sides: int, radius: float, turn: float) -> list[Point]:
    """Corners around the centre; `radius` is to a corner, as a share of SIZE."""
    angles = [turn + 2 * math.pi * k / sides for k in range(sides)]
    return [(SIZE * (0.5 + radius * math.cos(a)), SIZE * (0.5 + radius * math.sin(a))) for a in angles]


def _disc(draw: ImageDraw.ImageDraw, radius: float, colour: Colour) -> None:
    draw.ellipse([SIZE * (0.5 - radius), SIZE * (0.5 - radius)] + [SIZE * (0.5 + radius)] * 2, fill=colour)


def _rounded_triangle(draw: ImageDraw.ImageDraw, half_width: float, colour: Colour) -> None:
    """A triangle that points down, round at its corners, about one common centroid."""
    rounding = 0.035
    inner = half_width - rounding * math.sqrt(3)
    top, tip = 0.46 - inner / math.sqrt(3), 0.46 + 2 * inner / math.sqrt(3)
    corners = [(0.5 - inner, top), (0.5 + inner, top), (0.5, tip)]
    pixels = [(SIZE * x, SIZE * y) for x, y in corners]
    draw.polygon(pixels, fill=colour)
    draw.line([*pixels, pixels[0]], fill=colour, width=round(2 * rounding * SIZE))
    for x, y in pixels:
        r = rounding * SIZE
        draw.ellipse([x - r, y - r, x + r, y + r], fill=colour)


def _centred_text(draw: ImageDraw.ImageDraw, text: str, width: float, height: float, colour: Colour) -> None:
    """The largest text that fits in width x height (shares of SIZE), around the middle."""
    left, top, right, bottom = dejavu_sans(100, bold=True).getbbox(text)
    size = int(100 * min(width * SIZE / (right - left), height * SIZE / (bottom - top)))
    draw.text((SIZE / 2, SIZE / 2), text, font=dejavu_sans(size, bold=True), fill=colour, anchor="mm")
