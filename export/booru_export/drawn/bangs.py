"""Bangs: the hair from the crown down over the forehead, as one closed shape with a cut lower edge."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from booru_export.drawn.curves import Point, Points, join, moved, points, teeth

Cut: TypeAlias = tuple[list[Point], list[Point], float]
"""Gaps and tips from the right temple to the left one, and how full the locks are."""


def outline_of_bangs(style: str, cap: Points, rng: random.Random) -> Points:
    """The closed shape between the hair's edge over the skull and the lower edge of the bangs."""
    gaps, tips, bulge = _CUTS[style](rng)
    right, left = cap[-1], cap[0]
    edge = moved(teeth(gaps, tips, bulge), 0, -0.1)
    return join(
        cap, points([(right[0] * 0.93, right[1] + 0.22)]), edge, points([(left[0] * 0.93, left[1] + 0.22)])
    )


def _row(
    xs: Points, rng: random.Random, gap: float, tip: float, loose: float
) -> tuple[list[Point], list[Point]]:
    """Teeth along the forehead; both ends start at the temples, lower than the middle."""
    gaps = [(float(x), gap + 0.28 * x * x + rng.uniform(-loose, loose)) for x in xs]
    tips = [
        (
            float((a + b) / 2 + rng.uniform(-0.05, 0.05)),
            tip + 0.22 * ((a + b) / 2) ** 2 + rng.uniform(-loose, loose),
        )
        for a, b in pairwise(xs)
    ]
    return gaps, tips


def _jagged(rng: random.Random) -> Cut:
    gaps, tips = _row(np.linspace(0.93, -0.93, rng.randint(5, 8)), rng, -0.42, 0.08, 0.09)
    return gaps, tips, 0.8


def _blunt(rng: random.Random) -> Cut:
    gaps, tips = _row(np.linspace(0.9, -0.9, 9), rng, -0.1, -0.02, 0.02)
    return gaps, tips, 1.0


def _wispy(rng: random.Random) -> Cut:
    gaps, tips = _row(np.linspace(0.92, -0.92, rng.randint(9, 12)), rng, -0.4, -0.08, 0.12)
    return gaps, tips, 0.5


def _between(rng: random.Random) -> Cut:
    """Hair between the eyes: a long middle lock and shorter ones beside it."""
    middle = rng.uniform(-0.08, 0.08)
    gaps = [
        (0.94, -0.1),
        (0.42, -0.48),
        (middle + 0.16, -0.5),
        (middle - 0.16, -0.5),
        (-0.42, -0.48),
        (-0.94, -0.1),
    ]
    tips = [(0.8, 0.3), (0.36, 0.02), (middle, rng.uniform(0.35, 0.6)), (-0.36, 0.02), (-0.8, 0.3)]
    return gaps, tips, 0.8


def _parted(rng: random.Random) -> Cut:
    part = rng.uniform(-0.35, 0.35)
    gaps = [(0.95, 0.0), (0.72, -0.3), (part, -1.05), (-0.72, -0.3), (-0.95, 0.0)]
    tips = [(0.97, 0.62), (0.7, 0.2), (-0.7, 0.2), (-0.97, 0.62)]
    return gaps, tips, 0.9


def _swept(rng: random.Random) -> Cut:
    side = rng.choice((-1, 1))
    gaps = [(0.94, -0.05), (0.6, -0.32), (0.2, -0.42), (-0.2, -0.52), (-0.66, -0.75), (-0.95, -0.1)]
    tips = [(0.86, 0.42), (0.62, 0.22), (0.3, 0.1), (-0.12, -0.05), (-0.85, 0.3)]
    if side < 0:
        gaps, tips = ([(-x, y) for x, y in reversed(spots)] for spots in (gaps, tips))
    return gaps, tips, 0.75


_CUTS: Mapping[str, Callable[[random.Random], Cut]] = MappingProxyType(
    {
        "jagged": _jagged,
        "blunt": _blunt,
        "wispy": _wispy,
        "between": _between,
        "parted": _parted,
        "swept": _swept,
    }
)
