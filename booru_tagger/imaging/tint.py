"""Whether a picture shows colors, or one tint only, and whether it is sharp."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from booru_tagger.imaging.values import Source, size_of

_SIDE, _SAMPLES = 64, 4
"""Colors are judged on this many pixels a side, each the mean of this many samples a side."""
_FACE_SIDE, _BLUR = 96, 1.5
"""Sharpness is judged at this many pixels a side, against a blur of this radius."""
_TINTED = 0.3
"""A picture is tinted where brightness leaves less than this share of its colors open."""
_NOTHING = 1e-13
"""What rounding may leave of a row, in squares, that the rows before it explain."""
_AXES = np.array([[0.299 / 255, 0.587 / 255, 0.114 / 255], [1, -1, 0], [0.5, 0.5, -1]])
"""What of red, green and blue is brightness, red-green and yellow-blue."""


def colorfulness(source: Source, *, face: bool = False) -> float:
    """How far a picture's pixels stray from a single tint, 0 (greyscale, sepia, night) upwards.

    The spread of the opponent channels red-green and yellow-blue (Hasler and Suesstrunk, "Measuring
    colourfulness in natural images", 2003) around what brightness tells of them: in a tinted picture that is
    all. Where it is nearly all, half of the spread counts; not so in a picture of one ``face``, where skin
    and blonde hair alone are nearly of one tint.
    """
    pixels = _samples(source)
    rows = np.ones((5, len(pixels)))  # for each pixel 1, the square of brightness, and the three axes
    np.matmul(_AXES, pixels.T, out=rows[2:])
    np.square(rows[2], out=rows[1])
    products = (rows @ rows.T / len(pixels)).tolist()  # all that matters is in these
    spread = products[3][3] + products[4][4]
    unexplained = _unexplained(products)
    left, whole = math.sqrt(max(0.0, unexplained)), math.sqrt(spread)
    return left / 2 if left < _TINTED * whole and not face else left


def _unexplained(products: list[list[float]]) -> float:
    """What is left of the last two of five rows, in squares, where the first three explain all that they can.

    ``products`` of the rows with each other, which are changed. By elimination: for so few numbers, what
    numpy's solvers need to get going takes longer than all else here.
    """
    for pivot in range(3):
        size = products[pivot][pivot]
        if size < _NOTHING:  # the brightness is one, or one of two
            continue
        for row in range(pivot + 1, 5):
            share = products[row][pivot] / size
            for column in range(pivot + 1, 5):
                products[row][column] -= share * products[pivot][column]
    return products[3][3] + products[4][4]


def sharpness(source: Source) -> float:
    """How much neighboring pixels differ in a picture shrunk or grown to a common size, in grey levels.

    0 for a plain surface, 1 to 3 for a face that was blurred or grown from a few pixels, above 5 for lines.
    """
    image = source if isinstance(source, Image.Image) else Image.fromarray(source)
    grey = image.convert("L").resize((_FACE_SIDE, _FACE_SIDE), Image.Resampling.BILINEAR)
    soft = grey.filter(ImageFilter.GaussianBlur(_BLUR))
    return float(np.asarray(ImageChops.difference(grey, soft)).mean())


def _samples(source: Source) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Pixels of a thumbnail, ``(N, 3)``."""
    max_side = _SIDE * _SAMPLES
    width, height = size_of(source)
    if isinstance(source, Image.Image):
        image = source.resize((min(width, max_side), min(height, max_side)), Image.Resampling.NEAREST)
    else:
        image = Image.fromarray(source[:: max(1, height // max_side), :: max(1, width // max_side)])
    size = min(image.width, _SIDE), min(image.height, _SIDE)
    small = image.resize(size, Image.Resampling.BOX, reducing_gap=1.0)
    return np.asarray(small, dtype=np.float64).reshape(-1, 3)
