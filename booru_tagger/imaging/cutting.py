"""What networks are shown of a picture: the whole, letterboxed, or the square around a face."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from booru_tagger.imaging.values import Pixels, Source, size_of
from booru_tagger.types import Box

PAD_VALUE = 128
"""Grey that fills what lies outside a picture, in crops and letterboxes alike."""

_WIDEST_FRAME = 4096
"""A crop that reaches out of its picture is padded at this many pixels a side at most."""


def letterbox(
    source: Source,
    side: int,
    region: Box | None = None,
    *,
    multiple: int = 32,
    max_upscale: float = 2.0,
) -> tuple[Pixels, float]:
    """Scale so that the longest side is ``side`` and pad right and below up to a multiple of ``multiple``.

    A small picture grows by at most ``max_upscale``. With a ``region``, which must lie in the picture, only
    that part of it is taken. Returns the padded picture and the scale (pixels of the result per pixel of the
    input), so that a box is carried back by dividing by it.
    """
    image = source if isinstance(source, Image.Image) else Image.fromarray(source)
    whole = Box(0, 0, *image.size)
    region = Box(*map(min, region, (*image.size, *image.size))) if region else whole
    width, height = region.width, region.height
    scale = min(side / max(height, width), max_upscale)
    new_width, new_height = max(1, round(width * scale)), max(1, round(height * scale))
    if (new_width, new_height) != image.size or region != whole:
        # The gap lets Pillow average whole blocks of pixels first, which is several times as fast; the
        # detector finds the same heads, and just as surely (docs/performance.md).
        image = image.resize((new_width, new_height), Image.Resampling.BILINEAR, region, reducing_gap=1.0)
    padded = np.full((_up(new_height, multiple), _up(new_width, multiple), 3), PAD_VALUE, dtype=np.uint8)
    padded[:new_height, :new_width] = np.asarray(image)
    return padded, scale


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def square_around(box: Box, expand: float) -> Box:
    """The crop rule: a square on the box's centre, ``expand`` times its longer side."""
    half = box.longer * expand / 2
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    return Box(x - half, y - half, x + half, y + half)


def crop(source: Source, region: Box, size: int) -> Pixels:
    """The part of a picture in ``region``, resized to ``(size, size, 3)``.

    What lies outside the picture is filled with grey. Antialiased bilinear.
    """
    width, height = size_of(source)
    x0, y0, x1, y1 = region
    if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
        return np.full((size, size, 3), PAD_VALUE, dtype=np.uint8)
    if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
        image, region = _framed(source, region)
    elif isinstance(source, Image.Image):
        image = source
    else:
        image, region = _cut(source, region, math.ceil(region.longer / size) + 2)
    # A gap of 1 would save 0.2 ms of 0.6, and tip the names of 3 of 277 large faces.
    resized = image.resize((size, size), Image.Resampling.BILINEAR, box=region, reducing_gap=2.0)
    return np.asarray(resized)


def _cut(pixels: Pixels, region: Box, margin: int) -> tuple[Image.Image, Box]:
    """The part in ``region`` with the ``margin`` that resizing looks at, and where the region is in it."""
    left, top = max(0, math.floor(region.x0) - margin), max(0, math.floor(region.y0) - margin)
    right, bottom = math.ceil(region.x1) + margin, math.ceil(region.y1) + margin
    return Image.fromarray(pixels[top:bottom, left:right]), _moved(region, left, top)


def _framed(source: Source, region: Box) -> tuple[Image.Image, Box]:
    """As :func:`_cut`, for a region that reaches out of the picture: padded with grey."""
    width, height = size_of(source)
    left, top = max(0, math.floor(region.x0)), max(0, math.floor(region.y0))
    right, bottom = min(width, math.ceil(region.x1)), min(height, math.ceil(region.y1))
    if isinstance(source, Image.Image):
        inside = source.crop((left, top, right, bottom))
    else:
        inside = Image.fromarray(source[top:bottom, left:right])
    region = _moved(region, left, top)
    shrink = math.ceil(region.longer / _WIDEST_FRAME)
    if shrink > 1:
        inside = inside.reduce(shrink)
        region = Box(*(value / shrink for value in region))
    x, y = math.floor(region.x0), math.floor(region.y0)
    frame = Image.new("RGB", (math.ceil(region.x1) - x, math.ceil(region.y1) - y), (PAD_VALUE,) * 3)
    frame.paste(inside, (-x, -y))
    return frame, _moved(region, x, y)


def _moved(box: Box, left: int, top: int) -> Box:
    """The box as seen from the point ``left``, ``top``."""
    return Box(box.x0 - left, box.y0 - top, box.x1 - left, box.y1 - top)


def fit(source: Source, size: int, expand: float = 1.0) -> Pixels:
    """A whole picture that is a face crop already, padded to a centred square and resized to ``size``.

    ``expand`` above 1 pads further, below 1 keeps the centre.
    """
    width, height = size_of(source)
    return crop(source, square_around(Box(0, 0, width, height), expand), size)
