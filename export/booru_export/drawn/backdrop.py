"""Backgrounds, drawn at the oversampled size."""

from __future__ import annotations

import random
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageFilter

from booru_export.drawn.curves import corners, ellipse, star
from booru_export.drawn.palette import RGB, any_color, light, mix, shade
from booru_export.drawn.pen import ShapeStyle, ramp

Size = tuple[int, int]


def draw_backdrop(size: Size, rng: random.Random) -> Image.Image:
    """An RGB picture of the size with some background on it."""
    return rng.choice(_KINDS)(size, rng)


def draw_foreground(image: Image.Image, look: ShapeStyle, rng: random.Random) -> Image.Image:
    """The picture with light over it (soft styles), and sometimes petals or sparkles before everything."""
    if look.soft:
        glow = ramp(image.size, (255, 246, 230), mix((120, 110, 190), any_color(rng), 0.3))
        image = Image.blend(image, glow, rng.uniform(0.03, 0.1))
    kind = rng.choice(("", "", "petals", "sparkles"))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.randint(6, 14) if kind else 0):
        x, y = rng.uniform(0, image.width), rng.uniform(0, image.height)
        unit = rng.uniform(0.006, 0.02) * max(image.size)
        if kind == "petals":
            draw.polygon(corners(ellipse(x, y, unit, unit * rng.uniform(0.4, 0.8))), fill=(252, 196, 212))
        else:
            draw.polygon(corners(star(x, y, unit, unit * 0.2, 4)), fill=(255, 252, 226))
    return image


def _pale(rng: random.Random) -> RGB:
    return any_color(rng, (0.05, 0.4), (0.85, 1.0))


def _plain(size: Size, rng: random.Random) -> Image.Image:
    return Image.new("RGB", size, (255, 255, 255) if rng.random() < 0.5 else _pale(rng))


def _gradient(size: Size, rng: random.Random) -> Image.Image:
    color = any_color(rng, (0.2, 0.7), (0.5, 1.0))
    return ramp(size, light(color, rng.uniform(0.2, 0.7)), mix(color, any_color(rng), 0.4))


def _sky(size: Size, rng: random.Random) -> Image.Image:
    sunset = rng.random() < 0.3
    top, bottom = ((240, 120, 90), (255, 214, 150)) if sunset else ((74, 148, 232), (206, 236, 255))
    image = ramp(size, top, bottom)
    draw = ImageDraw.Draw(image)
    cloud = light(bottom, 0.7)
    for _ in range(rng.randint(2, 5)):
        x, y, unit = (
            rng.uniform(0, size[0]),
            rng.uniform(0, size[1] * 0.7),
            rng.uniform(0.04, 0.1) * max(size),
        )
        for _ in range(6):
            blob = ellipse(
                x + rng.uniform(-1.6, 1.6) * unit,
                y + rng.uniform(-0.3, 0.3) * unit,
                unit * rng.uniform(0.5, 1),
                unit * 0.5,
            )
            draw.polygon(corners(blob), fill=cloud)
    ground = size[1] * rng.uniform(0.75, 0.95)
    hill = ellipse(
        size[0] * rng.uniform(0.2, 0.8), ground + size[0] * 0.6, size[0] * 1.1, size[0] * 0.62, steps=60
    )
    draw.polygon(corners(hill), fill=shade((120, 190, 96), 0.25 if sunset else 0.0))
    return image


def _night(size: Size, rng: random.Random) -> Image.Image:
    image = ramp(size, (14, 16, 48), mix((60, 60, 130), any_color(rng, (0.4, 0.7), (0.3, 0.6)), 0.4))
    draw = ImageDraw.Draw(image)
    for _ in range(60):
        x, y, r = rng.uniform(0, size[0]), rng.uniform(0, size[1]), rng.uniform(0.001, 0.004) * max(size)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(250, 246, 220))
    x, y, r = rng.uniform(0.1, 0.9) * size[0], rng.uniform(0.08, 0.3) * size[1], 0.07 * max(size)
    draw.ellipse((x - r, y - r, x + r, y + r), fill=(252, 240, 190))
    left = 0.0
    while left < size[0]:
        width, height = rng.uniform(0.05, 0.14) * size[0], rng.uniform(0.1, 0.4) * size[1]
        draw.rectangle((left, size[1] - height, left + width, size[1]), fill=(22, 22, 44))
        _windows(draw, left, size[1] - height, width, size[1], rng)
        left += width * 1.04
    return image


def _windows(
    draw: ImageDraw.ImageDraw, left: float, top: float, width: float, bottom: float, rng: random.Random
) -> None:
    step = width / 4
    y = top + step
    while y < bottom:
        for column in range(3):
            if rng.random() < 0.45:
                x = left + step * (column + 0.7)
                draw.rectangle((x, y, x + step * 0.5, y + step * 0.6), fill=(246, 214, 120))
        y += step * 1.3


def _room(size: Size, rng: random.Random) -> Image.Image:
    wall = any_color(rng, (0.08, 0.3), (0.75, 0.95))
    image = ramp(size, wall, shade(wall, 0.15))
    draw = ImageDraw.Draw(image)
    width, height = size
    floor = rng.uniform(0.7, 0.88) * height
    draw.rectangle((0, floor, width, height), fill=any_color(rng, (0.3, 0.5), (0.4, 0.7)))
    x, y, w, h = rng.uniform(0, 0.6) * width, rng.uniform(0.05, 0.2) * height, 0.36 * width, 0.36 * height
    draw.rectangle(
        (x - 0.02 * width, y - 0.02 * width, x + w + 0.02 * width, y + h + 0.02 * width), fill=(250, 248, 244)
    )
    image.paste(ramp((round(w), round(h)), (120, 190, 245), (226, 244, 255)), (round(x), round(y)))
    draw.line((x + w / 2, y, x + w / 2, y + h), fill=(250, 248, 244), width=max(1, width // 90))
    shelf = rng.uniform(0.3, 0.6) * height
    left = (x + w * 1.25) % width
    draw.rectangle((left, shelf, left + 0.3 * width, shelf + 0.02 * height), fill=(142, 98, 66))
    book = left
    while book < left + 0.27 * width:
        thick, tall = rng.uniform(0.015, 0.035) * width, rng.uniform(0.08, 0.13) * height
        draw.rectangle((book, shelf - tall, book + thick, shelf), fill=any_color(rng))
        book += thick
    return image


def _pattern(size: Size, rng: random.Random) -> Image.Image:
    image, other, step = _two_tones(size, rng)
    draw = ImageDraw.Draw(image)
    kind = rng.choice(("dots", "checks", "stars"))
    for row in range(int(size[1] / step) + 2):
        for column in range(int(size[0] / step) + 2):
            x, y = (column + 0.5 * (row % 2)) * step, row * step
            if kind == "dots":
                draw.polygon(corners(ellipse(x, y, step * 0.22, step * 0.22)), fill=other)
            elif kind == "stars":
                draw.polygon(corners(star(x, y, step * 0.28, step * 0.12, 5)), fill=other)
            else:
                draw.rectangle((x, y, x + step / 2, y + step), fill=other)
    return image


def _stripes(size: Size, rng: random.Random) -> Image.Image:
    image, other, step = _two_tones(size, rng)
    draw = ImageDraw.Draw(image)
    width, height = size
    slope = rng.uniform(-1.0, 1.0) * height
    x = -abs(slope)
    while x < width + abs(slope):
        draw.polygon(
            [(x, 0), (x + step / 2, 0), (x + step / 2 + slope, height), (x + slope, height)], fill=other
        )
        x += step
    return image


def _two_tones(size: Size, rng: random.Random) -> tuple[Image.Image, RGB, float]:
    """A picture of one color, a second color for its pattern, and how far the pattern's marks are apart."""
    base = any_color(rng, (0.1, 0.6), (0.7, 1.0))
    other = light(base, 0.45) if rng.random() < 0.7 else shade(base, 0.2)
    return Image.new("RGB", size, base), other, rng.uniform(0.06, 0.16) * max(size)


def _bokeh(size: Size, rng: random.Random) -> Image.Image:
    """Soft discs of light."""
    small = (max(1, size[0] // 8), max(1, size[1] // 8))
    image = ramp(small, any_color(rng, (0.2, 0.6), (0.4, 0.9)), any_color(rng, (0.2, 0.6), (0.3, 0.8)))
    for _ in range(14):
        x, y, r = rng.uniform(0, small[0]), rng.uniform(0, small[1]), rng.uniform(0.03, 0.14) * max(small)
        mask = Image.new("L", small)
        ImageDraw.Draw(mask).ellipse((x - r, y - r, x + r, y + r), fill=rng.randint(30, 110))
        image.paste(light(any_color(rng, (0.2, 0.6), (0.9, 1.0)), 0.4), (0, 0), mask)
    return image.filter(ImageFilter.GaussianBlur(1.2)).resize(size, Image.Resampling.BICUBIC)


_KINDS: tuple[Callable[[Size, random.Random], Image.Image], ...] = (
    _plain,
    _gradient,
    _sky,
    _night,
    _room,
    _pattern,
    _stripes,
    _bokeh,
)
