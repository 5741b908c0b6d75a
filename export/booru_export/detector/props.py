"""Things drawn over training pictures: what is easily taken for a head and is none, and hats that hide one.

Each is drawn large on transparent ground and scaled down, with random colors, lines and turn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Color: TypeAlias = tuple[int, int, int]
Draw: TypeAlias = Callable[["_Pen"], None]

_SIDE = 256
"""Pixels of the square on which a thing is drawn before it is scaled."""


class _Pen:
    """A transparent square with random colors, and what is drawn on it; coordinates run from -1 to 1."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.image = Image.new("RGBA", (_SIDE, _SIDE))
        self.draw = ImageDraw.Draw(self.image)
        self.fill, self.second = self.color(), self.color()
        dark = int(rng.integers(0, 70))
        self.ink: Color = (dark, dark, dark) if rng.random() < 0.7 else self.second
        self.line = int(rng.integers(2, 9))

    def color(self) -> Color:
        if self.rng.random() < 0.25:
            level = int(self.rng.integers(170, 256))
            return (level, level, level)
        red, green, blue = (int(value) for value in self.rng.integers(0, 256, 3))
        return (red, green, blue)

    def box(self, x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
        half = _SIDE / 2
        return (half + x0 * half, half + y0 * half, half + x1 * half, half + y1 * half)

    def disc(
        self, radius: float, fill: Color, x: float = 0.0, y: float = 0.0, *, outline: bool = True
    ) -> None:
        box = self.box(x - radius, y - radius, x + radius, y + radius)
        self.draw.ellipse(box, fill, self.ink if outline else None, self.line)

    def shape(self, points: list[tuple[float, float]], fill: Color) -> None:
        half = _SIDE / 2
        placed = [(half + x * half, half + y * half) for x, y in points]
        self.draw.polygon(placed, fill, self.ink, self.line)

    def star(self, count: int, outer: float, inner: float, fill: Color) -> None:
        turns = np.arange(2 * count) * math.pi / count
        radii = [outer if number % 2 == 0 else inner for number in range(2 * count)]
        self.shape(
            [(r * math.sin(a), -r * math.cos(a)) for r, a in zip(radii, turns.tolist(), strict=True)], fill
        )

    def writing(self, width: float, height: float, rows: int, *, upright: bool = False) -> None:
        """Rows of strokes about as dense as characters."""
        half, step = _SIDE / 2, 2 * height / rows
        for row in range(rows):
            level = -height + (row + 0.5) * step
            reach = width * math.sqrt(max(0.05, 1 - (level / (height * 1.25)) ** 2))
            at = -reach
            while at < reach:
                bent = self.rng.uniform(-0.4, 0.4, 4) * step
                ends = [(at + bent[0], level + bent[1]), (at + bent[2], level + bent[3])]
                if upright:
                    ends = [(y, x) for x, y in ends]
                self.draw.line(
                    [half + half * value for end in ends for value in end], self.ink, self.line // 2 + 1
                )
                at += step * float(self.rng.uniform(0.15, 0.6))


def _ball(pen: _Pen) -> None:
    pen.disc(0.95, pen.fill)
    if pen.rng.random() < 0.7:
        pen.disc(float(pen.rng.uniform(0.5, 0.85)), pen.second)
    if pen.rng.random() < 0.6:
        pen.writing(0.5, 0.5, int(pen.rng.integers(1, 4)))
    else:
        pen.disc(0.25, (255, 255, 255), -0.35, -0.4, outline=False)


def _bubble(pen: _Pen) -> None:
    pen.fill = (255, 255, 255) if pen.rng.random() < 0.8 else pen.fill
    tall = float(pen.rng.uniform(0.6, 0.95))
    pen.shape([(-0.2, tall * 0.8), (0.1, 1.0), (0.15, tall * 0.8)], pen.fill)
    if pen.rng.random() < 0.2:
        pen.star(int(pen.rng.integers(9, 16)), 0.98, 0.75, pen.fill)
    else:
        pen.draw.ellipse(pen.box(-0.95, -tall, 0.95, tall), pen.fill, pen.ink, pen.line)
    pen.writing(0.65, tall * 0.6, int(pen.rng.integers(2, 6)), upright=pen.rng.random() < 0.5)


def _gear(pen: _Pen) -> None:
    teeth = int(pen.rng.integers(7, 15))
    pen.star(teeth, 0.97, 0.78, pen.fill)
    pen.disc(0.7, pen.fill)
    pen.disc(float(pen.rng.uniform(0.15, 0.45)), pen.second)


def _clock(pen: _Pen) -> None:
    pen.disc(0.95, pen.fill)
    pen.disc(0.82, (250, 248, 240) if pen.rng.random() < 0.7 else pen.second)
    half = _SIDE / 2
    for hour in range(12):
        angle = hour * math.pi / 6
        ends = [r * f(angle) for r in (0.65, 0.76) for f in (math.sin, math.cos)]
        pen.draw.line([half + half * value for value in ends], pen.ink, pen.line)
    for length in (0.4, 0.62):
        angle = float(pen.rng.uniform(0, 2 * math.pi))
        tip = (half + half * length * math.sin(angle), half + half * length * math.cos(angle))
        pen.draw.line([half, half, *tip], pen.ink, pen.line + 2)


def _emblem(pen: _Pen) -> None:
    sides = int(pen.rng.integers(3, 9))
    pen.star(sides, 0.95, 0.95 * math.cos(math.pi / sides), pen.fill)
    pen.disc(0.55, pen.second)
    pen.star(int(pen.rng.integers(3, 8)), 0.5, float(pen.rng.uniform(0.15, 0.35)), pen.color())


def _flower(pen: _Pen) -> None:
    petals, reach = int(pen.rng.integers(4, 9)), float(pen.rng.uniform(0.3, 0.45))
    for number in range(petals):
        angle = number * 2 * math.pi / petals
        pen.disc(reach, pen.fill, 0.52 * math.sin(angle), 0.52 * math.cos(angle))
    pen.disc(0.25, pen.second)


def _moon(pen: _Pen) -> None:
    level = int(pen.rng.integers(200, 256))
    pen.disc(0.9, (level, level, int(level * 0.85)), outline=False)
    for _ in range(int(pen.rng.integers(0, 7))):
        x, y = pen.rng.uniform(-0.5, 0.5, 2)
        grey = int(level * 0.85)
        pen.disc(float(pen.rng.uniform(0.05, 0.22)), (grey, grey, grey), float(x), float(y), outline=False)


def _smoke(pen: _Pen) -> None:
    for _ in range(12):
        x, y = pen.rng.uniform(-0.5, 0.5, 2)
        level = int(pen.rng.integers(120, 256))
        pen.disc(float(pen.rng.uniform(0.2, 0.45)), (level, level, level), float(x), float(y), outline=False)
    pen.image = pen.image.filter(ImageFilter.GaussianBlur(float(pen.rng.uniform(3, 12))))


def _buckle(pen: _Pen) -> None:
    pen.draw.rounded_rectangle(pen.box(-0.9, -0.7, 0.9, 0.7), 40, pen.fill, pen.ink, pen.line)
    pen.draw.rounded_rectangle(pen.box(-0.6, -0.4, 0.6, 0.4), 25, pen.second, pen.ink, pen.line)
    pen.draw.rectangle(pen.box(-0.08, -0.45, 0.08, 0.45), pen.fill, pen.ink)


def _plush(pen: _Pen) -> None:
    for side in (-1, 1):
        pen.disc(0.28, pen.fill, 0.6 * side, -0.62)
    pen.disc(0.85, pen.fill)
    for side in (-1, 1):
        pen.disc(0.08, pen.ink, 0.32 * side, -0.05)
    pen.disc(0.28, pen.second, 0.0, 0.35)
    pen.disc(0.08, pen.ink, 0.0, 0.25)


_THINGS: tuple[Draw, ...] = (
    _ball, _bubble, _bubble, _gear, _clock, _emblem, _flower, _moon, _smoke, _buckle, _plush,
)  # fmt: skip


def _cap(pen: _Pen) -> None:
    pen.draw.pieslice(pen.box(-0.85, -0.9, 0.85, 0.9), 180, 360, pen.fill, pen.ink, pen.line)
    side = 1 if pen.rng.random() < 0.5 else -1
    x0, x1 = sorted((-0.75 * side, 1.0 * side))
    pen.draw.ellipse(pen.box(x0, -0.2, x1, 0.15), pen.second, pen.ink, pen.line)


def _brim(pen: _Pen) -> None:
    top = float(pen.rng.uniform(0.0, 0.5))
    pen.shape([(-0.6, 0.0), (-top, -0.98), (top, -0.98), (0.6, 0.0)], pen.fill)
    pen.draw.ellipse(pen.box(-0.99, -0.25, 0.99, 0.22), pen.fill, pen.ink, pen.line)
    pen.draw.rectangle(pen.box(-0.58, -0.3, 0.58, -0.12), pen.second)


def _helmet(pen: _Pen) -> None:
    pen.draw.pieslice(pen.box(-0.95, -0.95, 0.95, 1.0), 175, 365, pen.fill, pen.ink, pen.line)
    for side in (-1, 1):
        x0, x1 = sorted((0.95 * side, 0.68 * side))
        pen.draw.rectangle(pen.box(x0, 0.0, x1, 0.8), pen.fill, pen.ink)
    if pen.rng.random() < 0.5:
        pen.star(5, 0.25, 0.1, pen.second)


def _hood(pen: _Pen) -> None:
    width = int(float(pen.rng.uniform(0.22, 0.4)) * _SIDE / 2)
    pen.draw.arc(pen.box(-1.0, -1.0, 1.0, 1.0), 150, 390, pen.fill, width)


_HATS: tuple[tuple[Draw, tuple[float, float, float, float]], ...] = (
    (_cap, (-0.1, -0.35, 1.1, 0.75)),
    (_brim, (-0.35, -0.85, 1.35, 0.75)),
    (_helmet, (-0.1, -0.15, 1.1, 0.85)),
    (_hood, (-0.25, -0.3, 1.25, 1.3)),
)
"""Hats, and where each sits: left, top, right, bottom in shares of a head box."""


def thing(rng: np.random.Generator, side: int) -> Image.Image:
    """Something round with a pattern that is no head, RGBA, about ``side`` pixels large, turned at random."""
    pen = _Pen(rng)
    _THINGS[int(rng.integers(len(_THINGS)))](pen)
    turned = pen.image.rotate(float(rng.normal(0, 25)), Image.Resampling.BILINEAR)
    tall = max(4, round(side * float(rng.uniform(0.75, 1.3))))
    return turned.resize((max(4, side), tall), Image.Resampling.BILINEAR, reducing_gap=2.0)


def hat(rng: np.random.Generator, width: float, height: float) -> tuple[Image.Image, tuple[int, int]]:
    """Headgear for a head of this size, RGBA, and where its corner lies from the head's, in pixels."""
    draw, (x0, y0, x1, y1) = _HATS[int(rng.integers(len(_HATS)))]
    pen = _Pen(rng)
    draw(pen)
    size = (max(4, round((x1 - x0) * width)), max(4, round((y1 - y0) * height)))
    image = pen.image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    return image, (round(x0 * width), round(y0 * height))
