"""Knowing pictures again that are nearly the same as one of very many."""

from __future__ import annotations

import base64

import numpy as np

from booru_tagger.imaging import Floats
from booru_tagger.imaging.prints import BITS, MIRROR, NEAR_BITS, NEAR_COLOR, THUMB, Print

_FIRST = 64


class SeenPictures:
    """The prints of pictures that were taken; all are compared at once."""

    def __init__(self) -> None:
        self._signs: Floats = np.empty((_FIRST, BITS), np.float32)
        self._thumbs: Floats = np.empty((_FIRST, THUMB, THUMB, 3), np.float32)
        self._count = 0

    def has_like(self, one: Print) -> bool:
        """Whether a picture is a near-duplicate, perhaps mirrored, of one that was taken."""
        signs = self._signs[: self._count]
        for theirs, thumb in ((one.signs, one.thumb), (one.signs * MIRROR, one.thumb[:, ::-1])):
            near = np.flatnonzero(signs @ theirs >= BITS - 2 * NEAR_BITS)
            apart = np.abs(self._thumbs[near] - thumb).mean(axis=(1, 2, 3))
            if (apart <= NEAR_COLOR).any():
                return True
        return False

    def take(self, one: Print) -> None:
        """Remember a picture."""
        if self._count == len(self._signs):
            self._signs = np.concatenate([self._signs, np.empty_like(self._signs)])
            self._thumbs = np.concatenate([self._thumbs, np.empty_like(self._thumbs)])
        self._signs[self._count], self._thumbs[self._count] = one
        self._count += 1


def packed(one: Print) -> str:
    """A print as text."""
    bits = np.packbits(one.signs > 0).tobytes()
    return base64.b85encode(bits + one.thumb.round().astype(np.uint8).tobytes()).decode("ascii")


def unpacked(text: str) -> Print:
    """What :func:`packed` wrote. Raises ValueError for anything else."""
    data = np.frombuffer(base64.b85decode(text), np.uint8)
    size = -(-BITS // 8)
    bits, thumb = data[:size], data[size:].astype(np.float32).reshape(THUMB, THUMB, 3)
    signs = np.where(np.unpackbits(bits)[:BITS] > 0, np.float32(1), np.float32(-1))
    return Print(signs.astype(np.float32), thumb)
