"""Parts of pictures turned back by an angle: one resampling together with the change of size."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from booru_tagger.imaging.cutting import PAD_VALUE, crop
from booru_tagger.imaging.values import Pixels
from booru_tagger.types import Box

_MARGIN = 3
"""Pixels around a part that bicubic resampling looks at."""


def _turned_bounds(region: Box, degrees: float) -> tuple[float, float]:
    """Width and height of what ``region`` covers once it is turned around its centre."""
    cosine, sine = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
    return region.width * cosine + region.height * sine, region.width * sine + region.height * cosine


def turned_part(
    image: Image.Image, region: Box, degrees: float, size: tuple[int, int], *, fill: int | None = None
) -> Image.Image:
    """What lies in ``region`` once that is turned clockwise around its centre, in ``size`` (width, height).

    So what was turned clockwise by ``degrees`` is upright in it. Outside of the picture it is ``fill``, or
    mirrored at the border. Bicubic.
    """
    block = int(region.longer / max(size))
    part, middle = _surroundings(image, region, degrees, max(1, block), fill)
    finer = 2 if block >= 1 and region.longer / block > max(size) else 1  # a change of size by less than 2
    width, height = size[0] * finer, size[1] * finer
    across, down = region.width / max(1, block) / width, region.height / max(1, block) / height
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    rows = ((cosine * across, -sine * down, middle[0]), (sine * across, cosine * down, middle[1]))
    data = [value for x, y, centre in rows for value in (x, y, centre - x * width / 2 - y * height / 2)]
    turned = part.transform((width, height), Image.Transform.AFFINE, data, Image.Resampling.BICUBIC)
    return turned.reduce(finer) if finer > 1 else turned


def turned_crop(image: Image.Image, region: Box, degrees: float, size: int) -> Pixels:
    """As :func:`.cutting.crop`, of a square turned clockwise around its centre: ``(size, size, 3)``."""
    if not degrees:
        return crop(image, region, size)
    return np.asarray(turned_part(image, region, degrees, (size, size), fill=PAD_VALUE))


def _surroundings(
    image: Image.Image, region: Box, degrees: float, block: int, fill: int | None
) -> tuple[Image.Image, tuple[float, float]]:
    """What the turned region covers, with each ``block`` of pixels as one, and where its centre is in it."""
    width, height = _turned_bounds(region, degrees)
    x, y = (region.x0 + region.x1) / 2, (region.y0 + region.y1) / 2
    margin = _MARGIN * block
    left, top = math.floor(x - width / 2) - margin, math.floor(y - height / 2) - margin
    right, bottom = math.ceil(x + width / 2) + margin, math.ceil(y + height / 2) + margin
    inner = (max(left, 0), max(top, 0), min(right, image.width), min(bottom, image.height))
    if inner[0] >= inner[2] or inner[1] >= inner[3]:
        part = Image.new("RGB", (right - left, bottom - top), (PAD_VALUE,) * 3)
    else:
        part = image.crop(inner)
        beyond = ((inner[1] - top, bottom - inner[3]), (inner[0] - left, right - inner[2]), (0, 0))
        if any(map(any, beyond)):
            pixels = np.asarray(part)
            padded = (
                np.pad(pixels, beyond, "symmetric")
                if fill is None
                else np.pad(pixels, beyond, constant_values=fill)
            )
            part = Image.fromarray(padded)
    if block > 1:
        part = part.reduce(block)
    return part, ((x - left) / block, (y - top) / block)
