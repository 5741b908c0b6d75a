"""What is remembered of a picture to know it again: a perceptual hash and a small color picture.

The hash is the signs of a picture's low frequencies (a discrete cosine transform, as in pHash; Zauner,
"Implementation and benchmarking of perceptual image hash functions", 2010), the mean left out. Mirroring a
picture turns the sign of every odd horizontal frequency, so mirrored copies are found without hashing twice.
Faces look alike at low frequencies; therefore a pair must also agree in the small color picture.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from booru_tagger.imaging.cutting import fit
from booru_tagger.imaging.values import Floats, Source

SIDE = 32
"""Pixels of the grey picture that is transformed."""
FREQUENCIES = 12
BITS = FREQUENCIES**2 - 1
THUMB = 8
"""Side of the small color picture."""
NEAR_BITS = 28
"""Bits of 143 in which near-duplicates differ at most: all such pairs in 11,000 faces were of one drawing."""
NEAR_COLOR = 12.0
"""Mean difference of the small color pictures at most, of 255."""


class Print(NamedTuple):
    """``signs``: the hash as -1 and 1, ``(BITS,)``; ``thumb``: the small color picture ``(8, 8, 3)``."""

    signs: Floats
    thumb: Floats


def _cosines() -> Floats:
    """The first rows of the orthogonal DCT-II, ``(FREQUENCIES, SIDE)``."""
    frequency, place = np.arange(FREQUENCIES)[:, None], np.arange(SIDE)[None, :]
    return np.cos(np.pi * frequency * (2 * place + 1) / (2 * SIDE)).astype(np.float32)


_COSINES = _cosines()
MIRROR: Floats = np.tile(np.where(np.arange(FREQUENCIES) % 2, -1.0, 1.0), FREQUENCIES)[1:].astype(np.float32)
"""What mirroring does to the signs: rows are vertical frequencies, columns horizontal ones."""


def print_of(source: Source) -> Print:
    """What is remembered of a picture."""
    small = fit(source, SIDE).astype(np.float32)
    grey = small @ np.asarray((0.299, 0.587, 0.114), dtype=np.float32)
    waves = (_COSINES @ grey @ _COSINES.T).ravel()[1:]
    step = SIDE // THUMB
    thumb: Floats = small.reshape(THUMB, step, THUMB, step, 3).mean(axis=(1, 3))
    return Print(np.where(waves >= 0, np.float32(1), np.float32(-1)), thumb)
