"""Knowing pictures again that are nearly the same as one of very many.

Near-duplicates hardly differ in their small color pictures. So neither does any mean over all of such a
picture's values, each taken with one of two signs: those of near-duplicates are at most
``NEAR_COLOR`` apart. A few such means, which mirroring leaves alone, tell the few pictures that are to be
compared, and a grid of some of them where to look for these.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from itertools import chain, product

import numpy as np
import numpy.typing as npt

from booru_tagger.imaging import Floats
from booru_tagger.imaging.prints import BITS, MIRROR, NEAR_BITS, NEAR_COLOR, THUMB, Print

_FIRST = 64
_APART = NEAR_COLOR * 1.001  # numbers are rounded


def _signs_of_means() -> Floats:
    """One signed mean a column, ``(THUMB * THUMB * 3, 18)``: values as they are, the upper half less the
    lower, or the outer quarters of the rows less the inner; columns as they are, or the outer less the inner;
    colors as they are, red less the others, or blue less the others."""
    halves = np.repeat([1, -1], THUMB // 2)
    outer = np.repeat([1, -1, -1, 1], THUMB // 4)
    ones = np.ones(THUMB, int)
    ways = product(((1, 1, 1), (1, -1, -1), (-1, -1, 1)), (ones, halves, outer), (ones, outer))
    signs = [np.einsum("i,j,k->ijk", row, column, color).ravel() for color, row, column in ways]
    means: Floats = np.asarray(signs, np.float32).T / np.float32(THUMB * THUMB * 3)
    return means


_MEANS = _signs_of_means()
_GRID = [0, 1, 2, 6]
"""The four that differ most from face to face: brightness, outer columns, upper half, red."""
_AROUND = tuple(product((-1, 0, 1), repeat=len(_GRID)))


class SeenPictures:
    """The prints of pictures that were taken."""

    def __init__(self) -> None:
        self._signs: Floats = np.empty((_FIRST, BITS), np.float32)
        self._thumbs: Floats = np.empty((_FIRST, THUMB, THUMB, 3), np.float32)
        self._means: Floats = np.empty((_FIRST, _MEANS.shape[1]), np.float32)
        self._count = 0
        self._cells: dict[tuple[int, ...], list[int]] = defaultdict(list)

    def has_like(self, one: Print) -> bool:
        """Whether a picture is a near-duplicate, perhaps mirrored, of one that was taken."""
        rows = self.to_compare(one)
        signs = self._signs[rows]
        for theirs, thumb in ((one.signs, one.thumb), (one.signs * MIRROR, one.thumb[:, ::-1])):
            near = rows[signs @ theirs >= BITS - 2 * NEAR_BITS]
            apart = np.abs(self._thumbs[near] - thumb).mean(axis=(1, 2, 3))
            if (apart <= NEAR_COLOR).any():
                return True
        return False

    def to_compare(self, one: Print) -> npt.NDArray[np.intp]:
        """The numbers of those pictures, in the order in which they were taken, of which one may be a
        near-duplicate."""
        means = _means_of(one)
        cell = _cell_of(means)
        around = (tuple(map(int.__add__, cell, step)) for step in _AROUND)
        found = [self._cells[near] for near in around if near in self._cells]
        rows = np.fromiter(chain.from_iterable(found), np.intp)
        near: npt.NDArray[np.intp] = rows[(np.abs(self._means[rows] - means) <= _APART).all(axis=1)]
        return near

    def take(self, one: Print) -> None:
        """Remember a picture."""
        if self._count == len(self._signs):
            self._signs, self._thumbs, self._means = map(_doubled, (self._signs, self._thumbs, self._means))
        means = _means_of(one)
        self._signs[self._count], self._thumbs[self._count] = one
        self._means[self._count] = means
        self._cells[_cell_of(means)].append(self._count)
        self._count += 1


def _doubled(table: Floats) -> Floats:
    return np.concatenate([table, np.empty_like(table)])


def _means_of(one: Print) -> Floats:
    means: Floats = one.thumb.ravel() @ _MEANS
    return means


def _cell_of(means: Floats) -> tuple[int, ...]:
    return tuple(np.floor(means[_GRID] / _APART).astype(int).tolist())


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
