"""Hair: what hangs behind the head, the cap with its bangs, locks at the sides, and their light and shade."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from booru_export.drawn.bangs import outline_of_bangs
from booru_export.drawn.curves import (
    Point,
    Points,
    bend,
    ellipse,
    join,
    lock,
    mirrored,
    points,
    spline,
    teeth,
)
from booru_export.drawn.palette import RGB, light, luminance, mix, shade
from booru_export.drawn.pen import Pen
from booru_export.drawn.traits import Traits

CAP_TOP = -1.42


@dataclass(frozen=True, slots=True)
class Hair:
    """The shapes of one head of hair in head units, in groups by when they are drawn.

    ``tails`` hang apart from the head and do not count as hair at its sides.
    """

    tails: tuple[Points, ...]
    back: tuple[Points, ...]
    cap: Points
    bangs: Points
    sides: tuple[Points, ...]
    ahoge: tuple[Points, ...]
    ties: tuple[Point, ...]


def grow_hair(traits: Traits, rng: random.Random) -> Hair:
    """The hair of a character; its random details come from ``rng``."""
    volume = traits.build.hair_volume
    tails, ties = _tails(traits.back_hair, rng)
    cap = cap_of(volume)
    sides: tuple[Points, ...] = ()
    if traits.side_locks:
        right = _side_lock(traits, rng)
        sides = (mirrored(right) * (1.0, rng.uniform(0.92, 1.0)), right)
    ahoge = (_ahoge(rng),) if traits.ahoge else ()
    return Hair(
        tails,
        _back(traits.back_hair, volume, rng),
        cap,
        outline_of_bangs(traits.bangs, cap, rng),
        sides,
        ahoge,
        ties,
    )


def cap_of(volume: float) -> Points:
    """The hair's edge over the skull, from the left temple over the top to the right one."""
    half = points([(-1.06, 0.25), (-1.13, -0.2), (-1.1, -0.62), (-0.92, -1.03), (-0.55, -1.32), (0, CAP_TOP)])
    half = half * (volume, 1.0) + points([(0, (1 - volume) * 0.6 * max(0.0, -y)) for _, y in half])
    return spline(join(half, mirrored(half)[1:]), steps=6)


def _side_lock(traits: Traits, rng: random.Random) -> Points:
    length = traits.side_locks
    outer = 1.1 * traits.build.hair_volume
    if traits.back_hair == "hime":
        return points(
            [
                (0.78, -0.55),
                (outer, -0.4),
                (outer + 0.02, 0.3),
                (1.08, length),
                (0.74, length + 0.02),
                (0.8, 0.2),
            ]
        )
    tip = (rng.uniform(0.78, 1.08), length)
    return lock(((0.76, -0.6), (outer, -0.45)), tip, sway=rng.uniform(0.06, 0.16), belly=0.1)


def _ahoge(rng: random.Random) -> Points:
    side = rng.choice((-1, 1))
    top = rng.uniform(-2.1, -1.85)
    outer = bend((-0.06 * side, CAP_TOP + 0.05), (-0.1 * side, top - 0.15), (0.45 * side, top + 0.12))
    inner = bend((0.45 * side, top + 0.12), (0.05 * side, top + 0.05), (0.08 * side, CAP_TOP + 0.05))
    return join(outer, inner[1:])


def _curtain(
    volume: float, spread: float, bottom: float, count: int, rng: random.Random, depth: float = 0.3
) -> Points:
    """Hair falling behind the head on both sides, with ``count`` pointed ends along the bottom."""
    cap = cap_of(volume * 1.03)
    right_x = spread * volume
    right = spline(
        [
            tuple(cap[-1]),
            (right_x * 0.99, 0.1 + bottom * 0.25),
            (right_x, bottom * 0.75),
            (right_x * 0.93, bottom - depth),
        ],
        steps=6,
    )
    xs = np.linspace(right_x * 0.93, -right_x * 0.93, count + 1)
    gaps = [(x, bottom - depth * rng.uniform(0.9, 1.3)) for x in xs]
    gaps[0], gaps[-1] = (xs[0], bottom - depth), (xs[-1], bottom - depth)
    tips = [
        ((a + b) / 2 + rng.uniform(-0.1, 0.1) * right_x, bottom + rng.uniform(-0.12, 0.1))
        for a, b in pairwise(xs)
    ]
    left = right[::-1] * (-1, 1)
    return join(cap, right[1:], teeth(gaps, tips)[1:-1], left[:-1])


def _spikes(volume: float, rng: random.Random) -> Points:
    """A cap whose edge stands out in spikes."""
    angles = np.radians(np.linspace(200, -20, 10))
    gaps = [(1.08 * volume * np.cos(a), -0.28 - 1.12 * np.sin(a)) for a in angles]
    tips = []
    for a in (angles[:-1] + angles[1:]) / 2:
        reach = rng.uniform(1.24, 1.4) + 0.16 * max(0.0, float(np.sin(a)))
        lean = a - 0.14 * np.sign(np.cos(a))
        tips.append((volume * reach * np.cos(lean), -0.28 - reach * 1.02 * np.sin(lean)))
    return join(teeth(gaps, tips, 0.7), points([(0.9, 0.75), (0.5, 1.0), (-0.5, 1.0), (-0.9, 0.75)]))


def _wavy(volume: float, rng: random.Random) -> Points:
    bottom = rng.uniform(2.2, 3.4)
    cap = cap_of(volume * 1.03)
    ys = np.linspace(0.45, bottom, 7)
    right = points([(volume * (1.22 + 0.06 * i + 0.13 * (-1) ** i), y) for i, y in enumerate(ys)])
    edge = spline(join(cap[-1:], right, points([(0.5, bottom + 0.25), (0, bottom - 0.1)])), steps=5)
    return join(cap, edge[1:], (edge[::-1] * (-1, 1))[1:-1])


def _back(style: str, volume: float, rng: random.Random) -> tuple[Points, ...]:
    if style == "bob":
        return (_curtain(volume, 1.2, rng.uniform(0.95, 1.35), 7, rng, 0.22),)
    if style in ("long", "hime"):
        return (
            _curtain(
                volume,
                rng.uniform(1.15, 1.4),
                rng.uniform(2.4, 4.2),
                8,
                rng,
                0.35 if style == "long" else 0.08,
            ),
        )
    if style == "wavy":
        return (_wavy(volume, rng),)
    if style == "spiky":
        return (_spikes(volume, rng),)
    if style == "buns":
        buns = tuple(ellipse(x, -1.3, 0.42, 0.42) for x in (-0.85, 0.85))
        return (*buns, _curtain(volume, 1.0, 0.7, 5, rng, 0.15))
    return (_curtain(volume, 1.02, rng.uniform(0.6, 0.85), 6, rng, 0.2),)


def _tails(style: str, rng: random.Random) -> tuple[tuple[Points, ...], tuple[Point, ...]]:
    """Hair gathered in tails, with the points where it is tied."""
    length = rng.uniform(1.6, 3.6)
    height = rng.uniform(-0.95, -0.1)
    if style == "twintails":
        right = _tail((1.05, height), length, rng.uniform(0.5, 1.0), rng)
        return (mirrored(right), right), ((-1.12, height), (1.12, height))
    if style == "side_tail":
        side = rng.choice((-1, 1))
        return (_tail((1.0, height), length, 0.6, rng) * (side, 1),), ((1.08 * side, height),)
    if style == "ponytail":
        side = rng.choice((-1, 1))
        tail = _tail((0.55, -1.15), length + 0.8, rng.uniform(0.9, 1.4), rng) * (side, 1)
        return (tail,), ((0.75 * side, -1.25),)
    if style == "buns":
        return (), ((-0.85, -1.0), (0.85, -1.0))
    return (), ()


def _tail(root: Point, length: float, reach: float, rng: random.Random) -> Points:
    """One tail on the right: out from its root, then down to forked ends."""
    x, y = root
    end = (x + reach * rng.uniform(0.5, 1.0), y + length)
    outer = spline(
        [
            (x, y - 0.16),
            (x + reach * 0.75, y - 0.05),
            (x + reach * 1.15, y + length * 0.45),
            (end[0] + 0.12, end[1] - 0.35),
        ],
        steps=7,
    )
    inner = spline(
        [(end[0] - 0.32, end[1] - 0.4), (x + reach * 0.25, y + length * 0.5), (x + 0.02, y + 0.18)], steps=7
    )
    gap = (end[0] - 0.1, end[1] - 0.45)
    ends = teeth([tuple(outer[-1]), gap, tuple(inner[0])], [end, (end[0] - 0.34, end[1] - 0.02)], 0.6)
    return join(outer, ends[1:-1], inner)


def draw_back_hair(pen: Pen, traits: Traits, hair: Hair) -> None:
    """Everything that the body and the face cover."""
    dark = back_tone(traits.hair_rgb, pen)
    for tail in hair.tails:
        pen.paint(tail, mix(traits.hair_rgb, dark, 0.25), depth=0.4)
        _draw_strands_down(pen, tail, traits.hair_rgb)
    for shape in hair.back:
        pen.paint(shape, dark, depth=0.3)
        _draw_strands_down(pen, shape, dark)


def draw_front_hair(pen: Pen, traits: Traits, hair: Hair) -> None:
    """Bangs and side locks with their shine, over the face."""
    color = traits.hair_rgb
    front = pen.on_head()
    for side in hair.sides:
        pen.layered(side, color)
    for wisp in hair.ahoge:
        pen.paint(wisp, color)
    front.layered(hair.bangs, color)
    with front.inside(hair.bangs) as inner:
        _draw_strands_from_crown(inner, hair, color)
        _draw_shine(inner, traits)


def back_tone(color: RGB, pen: Pen) -> RGB:
    """Hair behind the head lies in shadow."""
    return shade(color, 0.28 * pen.look.depth + (0.06 if luminance(color) > 0.8 else 0.0))


def _draw_strands_down(pen: Pen, shape: Points, color: RGB) -> None:
    """A few lines that follow hair down to its ends."""
    low, high = shape.min(0), shape.max(0)
    dark = shade(color, 0.3 * pen.look.depth)
    with pen.inside(shape) as inner:
        for share in (0.14, 0.3, 0.7, 0.86):
            x = low[0] + (high[0] - low[0]) * share
            middle = (low[0] + high[0]) / 2
            line = bend(
                (x, high[1] - 0.1),
                (x + (x - middle) * 0.1, (low[1] + high[1]) / 2),
                (middle + (x - middle) * 0.7, low[1] + 0.3),
            )
            inner.stroke(line, (0.05, 0.02, 0.0), dark)


def _draw_strands_from_crown(pen: Pen, hair: Hair, color: RGB) -> None:
    dark = shade(color, 0.24 * pen.look.depth + 0.05)
    low = hair.bangs[:, 1] > -0.75
    ends = hair.bangs[low]
    for index in np.linspace(2, len(ends) - 3, 9).astype(int):
        x, y = ends[index]
        if abs(x) < 1.0:
            line = bend((x, y), (x * 1.05, y - 0.45), (x * 0.75, y - 0.8))
            pen.stroke(line, (0.045, 0.03, 0.0), dark)
    if pen.look.soft:
        pen.wash(join(hair.cap, (hair.cap * (0.82, 0.86))[::-1]), shade(color, 0.35), 0.6, blur=0.12)


def _draw_shine(pen: Pen, traits: Traits) -> None:
    """The ring of light round the crown that drawn hair has."""
    color = light(traits.hair_rgb, 0.3 if luminance(traits.hair_rgb) < 0.25 else 0.5)
    if pen.look.name == "flat":
        color = light(traits.hair_rgb, 0.18)
    xs = np.linspace(-0.85, 0.85, 12)
    upper = [(x, -0.98 + 0.34 * x * x - (0.07 if i % 2 else 0.0)) for i, x in enumerate(xs)]
    lower = [(x, -0.82 + 0.36 * x * x + (0.1 if i % 2 else -0.02)) for i, x in enumerate(xs)]
    band = join(points(upper), points(lower[::-1]))
    if pen.look.soft:
        pen.wash(band, color, 0.75, blur=0.06)
    else:
        pen.wash(band, color, 0.85)
