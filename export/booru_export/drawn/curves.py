"""Curves in the plane: arrays of points ``(N, 2)``, y downwards, in whatever unit the caller draws in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Points: TypeAlias = npt.NDArray[np.float64]
Point: TypeAlias = tuple[float, float]


def points(pairs: Iterable[Sequence[float]]) -> Points:
    return np.asarray([tuple(pair) for pair in pairs], dtype=np.float64).reshape(-1, 2)


def corners(shape: Points) -> list[tuple[float, float]]:
    """The points as pairs, for Pillow."""
    return [(x, y) for x, y in shape.tolist()]


def join(*parts: Points) -> Points:
    return np.concatenate(parts)


def mirrored(shape: Points) -> Points:
    """The shape with left and right exchanged, and its order reversed so that outlines stay continuous."""
    return (shape * (-1.0, 1.0))[::-1]


def symmetric(half: Iterable[Sequence[float]]) -> Points:
    """A closed shape from its right half, given from one point on the axis to the other."""
    right = points(half)
    return join(right, mirrored(right)[1:-1])


def spline(knots: Iterable[Sequence[float]] | Points, *, closed: bool = False, steps: int = 8) -> Points:
    """A Catmull-Rom curve through every knot."""
    knot = points(knots)
    if closed:
        padded = np.concatenate([knot[-1:], knot, knot[:2]])
    else:
        padded = np.concatenate([2 * knot[:1] - knot[1:2], knot, 2 * knot[-1:] - knot[-2:-1]])
    before, start, end, after = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    a, b, c, d = (part[:, None, :] for part in (before, start, end, after))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    flat = curve.reshape(-1, 2)
    return flat if closed else np.concatenate([flat, knot[-1:]])


def bend(start: Point, control: Point, end: Point, *, steps: int = 10) -> Points:
    """A quadratic Bézier curve."""
    t = np.linspace(0, 1, steps)[:, None]
    a, b, c = np.asarray(start), np.asarray(control), np.asarray(end)
    return np.asarray((1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c, dtype=np.float64)


def ellipse(x: float, y: float, width: float, height: float, *, steps: int = 28) -> Points:
    """The ellipse about a centre; ``width`` and ``height`` are its radii."""
    t = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    return np.stack([x + width * np.cos(t), y + height * np.sin(t)], axis=1)


def star(x: float, y: float, outer: float, inner: float, spikes: int, turn: float = 0.0) -> Points:
    t = np.arange(2 * spikes) * np.pi / spikes - np.pi / 2 + turn
    radius = np.where(np.arange(2 * spikes) % 2 == 0, outer, inner)
    return np.stack([x + radius * np.cos(t), y + radius * np.sin(t)], axis=1)


def moved(shape: Points, x: float, y: float) -> Points:
    return np.asarray(shape + np.asarray([x, y]))


def ribbon(middle: Points, widths: Sequence[float]) -> Points:
    """A closed stroke about the line ``middle``; ``widths`` (full widths) are spread evenly along it."""
    along = np.gradient(middle, axis=0)
    length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) / length
    half = np.interp(np.linspace(0, 1, len(middle)), np.linspace(0, 1, len(widths)), widths)[:, None] / 2
    return np.concatenate([middle + across * half, (middle - across * half)[::-1]])


def lock(root: tuple[Point, Point], tip: Point, *, sway: float = 0.0, belly: float = 0.0) -> Points:
    """A lock of hair: from a root with two ends to one tip.

    ``sway`` moves the middle sideways, ``belly`` makes it thicker there.
    """
    (left, right) = root
    middle_left = ((left[0] + tip[0]) / 2 + sway - belly, (left[1] + tip[1]) / 2)
    middle_right = ((right[0] + tip[0]) / 2 + sway + belly, (right[1] + tip[1]) / 2)
    return join(bend(left, middle_left, tip), bend(tip, middle_right, right)[1:])


def teeth(gaps: Sequence[Point], tips: Sequence[Point], bulge: float = 0.5) -> Points:
    """A jagged edge of hair ends: from gap to tip to the next gap; there is one gap more than there are tips.

    ``bulge`` 0 makes straight teeth, 1 makes them full before they come to their point.
    """
    parts = []
    for start, tip, end in zip(gaps, tips, gaps[1:], strict=False):
        for first, second in ((start, tip), (end, tip)):
            control = (first[0] + (second[0] - first[0]) * 0.15, first[1] + (second[1] - first[1]) * 0.65)
            middle = ((first[0] + second[0]) / 2, (first[1] + second[1]) / 2)
            control = (
                middle[0] + (control[0] - middle[0]) * bulge,
                middle[1] + (control[1] - middle[1]) * bulge,
            )
            curve = bend(first, control, second)
            parts.append(curve if first is start else curve[::-1])
    return join(*parts)
