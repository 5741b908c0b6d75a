"""From a picture to a foreign tagger's input, to the pixel as its makers do it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from booru_tagger.imaging import Floats, Pixels
from booru_tagger.models.formats.format_records import Canvas, Filter, Preparation

_FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_NARROW = 16
"""A picture this many times as high as it is wide is worked on without most of the margins beside it."""
_REACH = 3.0
"""How far the widest filter sees to either side, in pixels of the smaller picture."""
_WHOLE = 2048
"""Longest side in pixels of pictures that are padded as a whole, which is faster."""
_BLOCK = 1 << 22
"""Pixels that are worked on at a time: what a picture takes in memory must not grow with its shape."""


def prepare(pixels: Pixels, side: int, how: Preparation) -> Floats:
    """The input for one upright RGB picture: ``(side, side, 3)``, or ``(3, side, side)`` for ``nchw``."""
    square: Pixels | Floats
    if how.canvas is not None:
        square = _on_canvas(pixels, side, how, how.canvas)
    elif how.fit == "pad":
        square = _padded(pixels, side, how)
    elif how.fit == "shrink":
        square = _shrunk(pixels, side, how.filter, how)
    elif how.fit == "stretch":
        square = np.asarray(Image.fromarray(pixels).resize((side, side), _FILTERS[how.filter]))
    else:
        square = _edged(pixels, side)
    mean, std = np.asarray(how.mean, dtype=np.float32), np.asarray(how.std, dtype=np.float32)
    values = ((square.astype(np.float32) * np.float32(how.factor)) - mean) / std
    if how.channels == "bgr":
        values = values[..., ::-1]
    if how.layout == "nchw":
        values = values.transpose(2, 0, 1)
    return np.ascontiguousarray(values, dtype=np.float32)


def _padded(pixels: Pixels, side: int, how: Preparation) -> Pixels:
    """On a centred square of the fill color, scaled to ``side``.

    A large square is never made as a whole, which could take gigabytes for a narrow strip: Pillow scales rows
    first and columns after, rounding in between, so doing the two apart gives the same pixels.
    """
    height, width = pixels.shape[:2]
    longest = max(height, width)
    left, top = (longest - width) // 2, (longest - height) // 2
    if longest <= _WHOLE:
        square = Image.new("RGB", (longest, longest), how.fill)
        square.paste(Image.fromarray(pixels), (left, top))
        return np.asarray(_scaled(square, (side, side), how))
    rows = np.concatenate(
        [_rows(pixels[start:end], left, longest, side, how) for start, end in _blocks(height, longest)]
    )
    if top or longest - height - top:
        tall = _filled(longest, side, how)
        tall[top : top + height] = rows
        rows = tall
    return np.asarray(_scaled(Image.fromarray(rows), (side, side), how))


def _blocks(count: int, length: int) -> list[tuple[int, int]]:
    """Ranges of so many rows, or columns, that each makes some megabytes."""
    step = max(1, _BLOCK // length)
    return [(start, min(count, start + step)) for start in range(0, count, step)]


def _rows(part: Pixels, left: int, longest: int, side: int, how: Preparation) -> Pixels:
    """Rows of the padded square, as long as ``side``."""
    height, width = part.shape[:2]
    if width * _NARROW < longest:
        return _narrow_rows(part, left, longest, side, how)
    if width < longest:
        wide = _filled(height, longest, how)
        wide[:, left : left + width] = part
        part = wide
    return np.asarray(_scaled(Image.fromarray(part), (side, height), how))


def _narrow_rows(part: Pixels, left: int, longest: int, side: int, how: Preparation) -> Pixels:
    """As :func:`_rows`, where most of each row is the fill color: only what sees the picture is reckoned.

    A few pixels in a million, that lie just between two values, are rounded the other way.
    """
    height, width = part.shape[:2]
    step = longest / side
    reach = math.ceil(_REACH * max(1.0, step)) + 1
    first = max(0, math.floor((left - reach) / step))
    last = min(side, math.ceil((left + width + reach) / step) + 1)
    start, end = max(0, math.floor(first * step) - reach), min(longest, math.ceil(last * step) + reach)
    wide = _filled(height, end - start, how)
    wide[:, left - start : left - start + width] = part
    box = (first * step - start, 0, last * step - start, height)
    rows = _filled(height, side, how)
    size = (last - first, height)
    rows[:, first:last] = np.asarray(Image.fromarray(wide).resize(size, _FILTERS[how.filter], box=box))
    return rows


def _filled(height: int, width: int, how: Preparation) -> Pixels:
    return np.full((height, width, 3), how.fill, dtype=np.uint8)


def _scaled(image: Image.Image, size: tuple[int, int], how: Preparation) -> Image.Image:
    return image if image.size == size else image.resize(size, _FILTERS[how.filter])


def _on_canvas(pixels: Pixels, side: int, how: Preparation, canvas: Canvas) -> Pixels:
    """Fitted into a square of its own, which is then scaled, and its centre taken."""
    square = Image.fromarray(_shrunk(pixels, canvas.side, canvas.filter, how).astype(np.uint8))
    scaled = np.asarray(_scaled(square, (canvas.scaled, canvas.scaled), how))
    edge = (canvas.scaled - side) // 2
    return scaled[edge : edge + side, edge : edge + side]


def _shrunk(pixels: Pixels, side: int, filter_: Filter, how: Preparation) -> Pixels | Floats:
    """Scaled in proportion, in the centre of the fill color."""
    left, top, width, height = placed(pixels.shape[1], pixels.shape[0], side, how)
    square: Pixels | Floats = _filled(side, side, how)
    size, resample = (width, height), _FILTERS[filter_]
    if how.fractions:
        square = square.astype(np.float32)
        planes = (Image.fromarray(pixels[..., index].astype(np.float32)) for index in range(3))
        small = np.stack([np.asarray(plane.resize(size, resample)) for plane in planes], axis=-1)
    else:
        small = np.asarray(Image.fromarray(pixels).resize(size, resample))
    square[top : top + height, left : left + width] = small
    return square


def placed(width: int, height: int, side: int, how: Preparation) -> tuple[int, int, int, int]:
    """Where ``shrink`` puts a picture in a square: left, top, width and height in pixels."""
    if how.rounding == "aspect":
        aspect = width / height
        size = (side, int(side / aspect)) if aspect > 1 else (int(side * aspect), side)
    else:
        scale = min(side / width, side / height, math.inf if how.enlarge else 1.0)
        whole = int if how.rounding == "down" else round
        size = whole(width * scale), whole(height * scale)
    new_width, new_height = max(1, size[0]), max(1, size[1])
    return (side - new_width) // 2, (side - new_height) // 2, new_width, new_height


def padding(pixels: Pixels, side: int, how: Preparation) -> npt.NDArray[np.bool_]:
    """Which pixels of the input of ``shrink`` show nothing of the picture: ``(side, side)``."""
    left, top, width, height = placed(pixels.shape[1], pixels.shape[0], side, how)
    mask = np.ones((side, side), dtype=np.bool_)
    mask[top : top + height, left : left + width] = False
    return mask


def _edged(pixels: Pixels, side: int) -> Floats:
    """Scaled in proportion by area averages, the gaps filled with the outermost pixels.

    The values keep their fractions. Where the two gaps are not alike, the picture is in the very middle, half
    a pixel further: each pixel is then the mean of two.
    """
    height, width = pixels.shape[:2]
    scale = min(side / height, side / width)
    new_width, new_height = max(1, _rounded(width * scale)), max(1, _rounded(height * scale))
    columns = [_area(pixels[:, start:end], new_height, 0) for start, end in _blocks(width, height)]
    values = _area(np.concatenate(columns, axis=1), new_width, 1)
    for axis in (0, 1):
        values = _centred(values, side, axis)
    return values.astype(np.float32)


def _rounded(value: float) -> int:
    """To the nearest whole number, halves to the even one."""
    return int(np.rint(value))


def _area(values: npt.NDArray[Any], size: int, axis: int) -> npt.NDArray[np.float64]:
    """``size`` means of equal stretches along an axis, by differences of the running sum."""
    length = values.shape[axis]
    moved = np.moveaxis(values.astype(np.float64), axis, 0)
    sums = np.concatenate([np.zeros_like(moved[:1]), np.cumsum(moved, axis=0)])
    edges = np.arange(size + 1) * (length / size)
    whole = np.minimum(edges.astype(np.int64), length)
    after = np.minimum(whole + 1, length)
    part = (edges - whole).reshape(-1, *(1,) * (moved.ndim - 1))
    at_edges = sums[whole] * (1 - part) + sums[after] * part
    means: npt.NDArray[np.float64] = np.moveaxis(np.diff(at_edges, axis=0) * (size / length), 0, axis)
    return means


def _centred(values: npt.NDArray[np.float64], side: int, axis: int) -> npt.NDArray[np.float64]:
    gap = side - values.shape[axis]
    if gap <= 0:
        return values
    before = math.ceil(gap / 2)
    widths = [(0, 0)] * values.ndim
    widths[axis] = (before, before)
    padded = np.moveaxis(np.pad(values, widths, mode="edge"), axis, 0)
    if gap % 2:
        padded = (padded[:-1] + padded[1:]) / 2
    return np.moveaxis(padded, 0, axis)
