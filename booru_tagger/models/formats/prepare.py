"""From a picture to a foreign tagger's input, to the pixel as its makers do it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from booru_tagger.imaging import Floats, Pixels, Source
from booru_tagger.imaging.values import size_of
from booru_tagger.models.formats.format_records import Canvas, Filter, Preparation
from booru_tagger.models.formats.squares import FILTERS, filled, nearly_padded, padded

_BLOCK = 1 << 22
"""Pixels that are worked on at a time: what a picture takes in memory must not grow with its shape."""


def prepare(source: Source, side: int, how: Preparation, *, exact: bool = True) -> Floats:
    """The input for one upright RGB picture: ``(side, side, 3)``, or ``(3, side, side)`` for ``nchw``.

    Where it need not be ``exact``, values may be off by a rounding, and by more where edges are sharp; a
    picture on a padded square then takes less than half the time.
    """
    square: Pixels | Floats
    if how.canvas is not None:
        square = _on_canvas(source, side, how, how.canvas)
    elif how.fit == "pad":
        near = not exact and how.filter == "bicubic"
        square = nearly_padded(_image(source), side, how) if near else padded(_image(source), side, how)
    elif how.fit == "shrink":
        square = _shrunk(source, side, how.filter, how)
    elif how.fit == "stretch":
        square = np.asarray(_scaled(_image(source), (side, side), how))
    else:
        square = _edged(np.asarray(source), side)
    return _values(square, how)


def _values(square: Pixels | Floats, how: Preparation) -> Floats:
    """What the network is given for the pixels, laid out as it wants them: each is copied once."""
    side, nchw = len(square), how.layout == "nchw"
    values = np.empty((3, side, side) if nchw else (side, side, 3), dtype=np.float32)
    for place in range(3):
        color = 2 - place if how.channels == "bgr" else place
        plane = values[place] if nchw else values[..., place]
        plane[...] = square[..., color]
        if how.factor != 1:
            plane *= np.float32(how.factor)
        if how.mean[color]:
            plane -= np.float32(how.mean[color])
        if how.std[color] != 1:
            plane /= np.float32(how.std[color])
    return values


def _image(source: Source) -> Image.Image:
    return source if isinstance(source, Image.Image) else Image.fromarray(source)


def _scaled(image: Image.Image, size: tuple[int, int], how: Preparation) -> Image.Image:
    return image if image.size == size else image.resize(size, FILTERS[how.filter])


def _on_canvas(source: Source, side: int, how: Preparation, canvas: Canvas) -> Pixels:
    """Fitted into a square of its own, which is then scaled, and its centre taken."""
    square = Image.fromarray(_shrunk(source, canvas.side, canvas.filter, how).astype(np.uint8))
    scaled = np.asarray(_scaled(square, (canvas.scaled, canvas.scaled), how))
    edge = (canvas.scaled - side) // 2
    return scaled[edge : edge + side, edge : edge + side]


def _shrunk(source: Source, side: int, filter_: Filter, how: Preparation) -> Pixels | Floats:
    """Scaled in proportion, in the centre of the fill color."""
    left, top, width, height = placed(*size_of(source), side, how)
    square: Pixels | Floats = filled(side, side, how)
    size, resample = (width, height), FILTERS[filter_]
    if how.fractions:
        square = square.astype(np.float32)
        pixels = np.asarray(source).astype(np.float32)
        planes = (Image.fromarray(pixels[..., index]) for index in range(3))
        small = np.stack([np.asarray(plane.resize(size, resample)) for plane in planes], axis=-1)
    else:
        small = np.asarray(_image(source).resize(size, resample))
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


def padding(source: Source, side: int, how: Preparation) -> npt.NDArray[np.bool_]:
    """Which pixels of the input of ``shrink`` show nothing of the picture: ``(side, side)``."""
    left, top, width, height = placed(*size_of(source), side, how)
    mask = np.ones((side, side), dtype=np.bool_)
    mask[top : top + height, left : left + width] = False
    return mask


def _blocks(count: int, length: int) -> list[tuple[int, int]]:
    """Ranges of so many columns that each makes some megabytes."""
    step = max(1, _BLOCK // length)
    return [(start, min(count, start + step)) for start in range(0, count, step)]


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
