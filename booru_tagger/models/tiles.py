"""Where to look for heads, how closely, and which heads each look answers for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from booru_tagger.models.manifest import DetectorSpec
from booru_tagger.types import Box

EVERY_HEAD = (0.0, 1.0)
FINE, COARSE = 0.45, 0.3
"""Of a fine tile's length: heads are found in fine tiles up to the one, in coarse ones from the other on."""
LARGEST = 1.2
"""The longer side of a head that is all in the picture, at most, in shorter sides of a long picture."""
SLACK = 1.2
"""Tiles overlap by this many times the largest head that they answer for."""


class Tile(NamedTuple):
    """One look: a part of the picture, scaled so that its longer side has ``side`` pixels.

    ``region`` and ``core`` are in pixels of the original. The look answers for heads whose centre lies in
    ``core`` and whose longer side, in pixels of the original, lies within the bounds of one of ``sizes``.
    """

    region: Box
    side: int
    sizes: tuple[tuple[float, float], ...]
    core: Box


def tiles_of(spec: DetectorSpec, width: int, height: int, scale: float = 1.0) -> list[Tile]:
    """All looks at a picture of this size, of which ``scale`` pixels were decoded for each of the original.

    A picture that is long (see :class:`DetectorSpec`) is looked at in tiles: closely for small heads, in
    longer tiles for those as large as the strip is broad, and as a whole for what is larger still. A head
    that a border cuts is whole in the next tile, in whose core it lies; what is seen of it in this one lies
    outside of the core, or is too large for the look, and so is not found twice.
    """
    if not is_long(spec, width, height):
        return list(_whole(spec, width, height, scale))
    shorter, longer = sorted((width, height))
    length = min(longer, spec.tile_length * shorter)
    largest = min(LARGEST * shorter, longer)
    tiles = _tiles(width, height, length, max(spec.sides), (0.0, FINE * length))
    tiles += _tiles(width, height, 2 * length, min(spec.sides), (COARSE * length, largest))
    whole = Box(0, 0, width, height)
    return [*tiles, Tile(whole, max(spec.sides), ((largest / SLACK, math.inf),), whole)]


def is_long(spec: DetectorSpec, width: int, height: int) -> bool:
    """Whether a picture is looked at in tiles."""
    return max(width, height) > spec.tile_aspect * min(width, height)


def pixels_needed(spec: DetectorSpec, width: int, height: int) -> float:
    """The longer side, in pixels, at which a picture of this size is looked at most closely."""
    if not is_long(spec, width, height):
        return max(spec.sides)
    return max(spec.sides) * max(width, height) / (spec.tile_length * min(width, height))


def max_heads(spec: DetectorSpec, width: int, height: int) -> int:
    """How many heads a picture of this size may have."""
    long = is_long(spec, width, height)
    lengths = max(width, height) / (spec.tile_length * min(width, height)) if long else 1
    return math.ceil(spec.max_faces * lengths)


def _whole(spec: DetectorSpec, width: int, height: int, scale: float) -> Iterator[Tile]:
    """Looks at all of the picture.

    A picture so small that it may not grow to several of the sides looks the same at all of these, and is
    looked at once for them.
    """
    longer = max(width, height)
    max_side = spec.max_upscale * longer * scale
    shares = spec.head_shares or (EVERY_HEAD,) * len(spec.sides)
    looks: dict[int, list[tuple[float, float]]] = {}
    for side, (low, high) in sorted(zip(spec.sides, shares, strict=True)):
        same = next((other for other in looks if other >= max_side), side)
        looks.setdefault(same, []).append((low * longer, high * longer))
    whole = Box(0, 0, width, height)
    for side, sizes in looks.items():
        yield Tile(whole, side, tuple(sizes), whole)


def _tiles(width: int, height: int, length: float, side: int, sizes: tuple[float, float]) -> list[Tile]:
    """Tiles of one length along the longer side, all of the shorter side in each."""
    longer = max(width, height)
    overlap = SLACK * sizes[1]
    count = max(1, math.ceil((longer - overlap) / (length - overlap)))
    step = (longer - length) / (count - 1) if count > 1 else 0.0
    middle = (length - step) / 2 - (overlap - sizes[1]) / 2  # where a core begins in its tile
    tiles = []
    for index in range(count):
        first, last = index == 0, index == count - 1
        start, end = index * step, longer if last else index * step + length
        core = (0.0 if first else start + middle, longer if last else end - middle)
        tiles.append(Tile(_across(width, height, start, end), side, (sizes,), _across(width, height, *core)))
    return tiles


def _across(width: int, height: int, start: float, end: float) -> Box:
    """The part of a picture from ``start`` to ``end`` of its longer side."""
    return Box(start, 0, end, height) if width > height else Box(0, start, width, end)
