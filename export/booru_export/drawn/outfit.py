"""Neck, body and clothes, in head units about the pit of the neck."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from booru_export.drawn.curves import (
    Point,
    Points,
    bend,
    ellipse,
    join,
    mirrored,
    points,
    ribbon,
    spline,
    symmetric,
)
from booru_export.drawn.palette import RGB, light, luminance, shade, skin_shade
from booru_export.drawn.pen import Pen
from booru_export.drawn.traits import Traits

WHITE: RGB = (250, 250, 252)
TORSO = spline(
    symmetric(
        [(0, 0.34), (0.3, 0.16), (0.8, 0.34), (1.12, 0.62), (1.02, 1.5), (0.86, 2.4), (1.0, 3.3), (0, 3.4)]
    ),
    closed=True,
    steps=6,
)
_Arm: TypeAlias = tuple[Point, Point, bool]
_HANGING: _Arm = ((1.24, 1.95), (1.3, 3.3), False)
_ARMS: Mapping[str, tuple[_Arm, _Arm]] = MappingProxyType(
    {
        "hanging": (_HANGING, _HANGING),
        "akimbo": (((1.75, 1.9), (1.0, 2.95), False), ((1.75, 1.9), (1.0, 2.95), False)),
        "wave": (_HANGING, ((1.7, 1.7), (2.05, 0.35), True)),
        "together": (((1.4, 1.85), (0.2, 2.3), True), ((1.4, 1.85), (0.14, 2.2), True)),
        "chest": (_HANGING, ((1.45, 1.9), (0.45, 1.15), True)),
    }
)
"""For each pose the arms on the left and right: elbow, hand, and whether the forearm lies before the body."""
GOLD: RGB = (240, 196, 84)
STEEL: RGB = (176, 186, 202)


def draw_body(pen: Pen, traits: Traits, *, neck: float) -> None:
    """A standing body in the traits' clothes and pose; ``neck`` is how far the neck goes up into the head."""
    cloth = _main_cloth(traits)
    _draw_legs(pen, traits)
    arms = _ARMS[traits.pose]
    for side, (elbow, hand, _) in zip((-1, 1), arms, strict=True):
        _draw_upper_arm(pen, side, elbow, cloth)
        _draw_lower_arm(pen, traits, side, elbow, hand, cloth)
    _draw_neck(pen, traits, neck)
    pen.paint(TORSO, cloth, depth=0.25)
    with pen.inside(TORSO) as inner:
        if not pen.look.soft:
            far_side = spline([(1.4, 0.2), (0.78, 0.9), (0.66, 2.2), (0.7, 3.6), (1.6, 3.6)], closed=True)
            inner.fill(far_side, shade(cloth, 0.22 * pen.look.depth), outline=0)
        _DETAILS[traits.outfit](inner, traits)
    if traits.outfit in ("sailor", "blazer", "dress"):
        _draw_skirt(pen, shade(traits.trim, 0.2) if traits.outfit != "dress" else cloth)
    _OVER[traits.outfit](pen, traits)
    for side, (elbow, hand, before) in zip((-1, 1), arms, strict=True):
        if before:
            _draw_lower_arm(pen, traits, side, elbow, hand, cloth)


def _main_cloth(traits: Traits) -> RGB:
    return {"sailor": WHITE, "armour": STEEL}.get(traits.outfit, traits.cloth)


def _draw_neck(pen: Pen, traits: Traits, reach: float) -> None:
    left = join(
        points([(-0.3, -0.6 - reach)]), bend((-0.27, -0.2), (-0.3, 0.1), (-0.62, 0.26)), points([(0, 0.62)])
    )
    shape = join(left, mirrored(left)[1:])
    pen.paint(shape, traits.skin, depth=0.1)
    with pen.inside(shape) as inner:
        shadow = points([(-0.6, -1.2), (0.6, -1.2), (0.36, -0.12), (0.05, 0.06), (-0.3, -0.14)])
        inner.wash(shadow, skin_shade(traits.skin, 0.24), 0.85, blur=0.05 if pen.look.soft else 0.0)


def _draw_upper_arm(pen: Pen, side: int, elbow: Point, cloth: RGB) -> None:
    middle = (1.0 + elbow[0]) / 2 + 0.06
    arm = spline([(side * 0.9, 0.58), (side * middle, 1.2), (side * elbow[0], elbow[1])], steps=6)
    pen.paint(ellipse(side * elbow[0], elbow[1], 0.23, 0.23), cloth, depth=0.1)
    pen.paint(ribbon(arm, (0.5, 0.52, 0.46)), cloth, depth=0.2)


def _draw_lower_arm(pen: Pen, traits: Traits, side: int, elbow: Point, hand: Point, cloth: RGB) -> None:
    start, end = points([elbow, hand]) * (side, 1)
    along = (end - start) / np.hypot(*(end - start))
    palm = end + along * 0.12
    for spread in (-0.45, -0.15, 0.15, 0.45):
        turned = np.asarray([along[0] - spread * along[1], along[1] + spread * along[0]])
        pen.paint(ribbon(points([palm, palm + turned * 0.32]), (0.1, 0.08)), traits.skin)
    pen.paint(ellipse(float(palm[0]), float(palm[1]), 0.17, 0.19), traits.skin)
    sleeve = spline([start, (start + end) / 2, end], steps=6)
    pen.paint(ribbon(sleeve, (0.46, 0.42, 0.36)), cloth, depth=0.3)


def _draw_legs(pen: Pen, traits: Traits) -> None:
    bare = traits.outfit in ("sailor", "blazer", "dress")
    color = traits.skin if bare else shade(traits.cloth, 0.45)
    foot = 5.9 if pen.look.chibi else 8.3
    for side in (-1, 1):
        leg = points(
            [(side * 0.45, 3.0), (side * 0.47, 4.6), (side * 0.42, foot * 0.8), (side * 0.4, foot - 0.1)]
        )
        pen.paint(ribbon(spline(leg, steps=4), (0.78, 0.62, 0.5, 0.34)), color)
        pen.fill(ellipse(side * 0.48, foot, 0.34, 0.2), shade(traits.trim, 0.5))


def _draw_skirt(pen: Pen, color: RGB) -> None:
    skirt = points(
        [(-0.9, 2.55), (0.9, 2.55), (1.55, 4.5), (0.8, 4.64), (0, 4.68), (-0.8, 4.64), (-1.55, 4.5)]
    )
    pen.paint(skirt, color, depth=0.3)
    for x in (-0.6, -0.2, 0.2, 0.6):
        pen.stroke(points([(x, 2.7), (x * 1.7, 4.62)]), (0.0, 0.05), shade(color, 0.3))


def _bow(pen: Pen, color: RGB, y: float, size: float) -> None:
    loop = spline([(0.04, y), (0.5 * size, y - 0.26 * size), (0.58 * size, y + 0.22 * size)], closed=True)
    for shape in (loop, mirrored(loop)):
        pen.paint(shape, color)
    for side in (-1, 1):
        pen.paint(
            points([(0, y), (side * 0.34 * size, y + 0.78 * size), (side * 0.12 * size, y + 0.7 * size)]),
            shade(color, 0.12),
        )
    pen.fill(ellipse(0, y, 0.11 * size, 0.12 * size), shade(color, 0.15))


def _sailor(pen: Pen, traits: Traits) -> None:
    collar = symmetric([(0, 1.3), (0.5, 0.95), (1.0, 0.72), (0.7, 0.1), (0.34, 0.14)])
    pen.fill(collar, traits.trim)
    for side in (-1, 1):
        stripe = points([(side * 0.08, 1.14), (side * 0.5, 0.84), (side * 0.9, 0.64)])
        pen.stroke(stripe, (0.05, 0.05, 0.05), WHITE)
    pen.fill(points([(-0.3, 0.16), (0.3, 0.16), (0, 0.86)]), traits.skin, outline=0)


def _blazer(pen: Pen, traits: Traits) -> None:
    pen.fill(points([(-0.36, 0.1), (0.36, 0.1), (0, 1.7)]), WHITE)
    pen.fill(points([(-0.1, 0.45), (0.1, 0.45), (0.15, 1.2), (0, 1.42), (-0.15, 1.2)]), traits.trim)
    for side in (-1, 1):
        pen.fill(
            points(
                [(side * 0.36, 0.08), (side * 0.72, 0.5), (side * 0.5, 0.7), (0, 1.75), (side * 0.2, 0.8)]
            ),
            light(traits.cloth, 0.12),
        )
    pen.stroke(points([(0, 1.75), (0, 3.4)]), (0.04, 0.04), pen.ink(traits.cloth))


def _hoodie(pen: Pen, traits: Traits) -> None:
    pen.fill(
        spline(symmetric([(0, 0.75), (0.42, 0.6), (0.78, 0.2), (0.4, 0.1)]), closed=True),
        shade(traits.cloth, 0.2),
    )
    pen.fill(points([(-0.28, 0.1), (0.28, 0.1), (0, 0.5)]), traits.skin, outline=0)
    for side in (-1, 1):
        pen.stroke(points([(side * 0.24, 0.6), (side * 0.28, 1.3)]), (0.05, 0.06), traits.trim)
    pen.fill(points([(-0.6, 2.2), (0.6, 2.2), (0.75, 3.0), (-0.75, 3.0)]), shade(traits.cloth, 0.1))


def _kimono(pen: Pen, traits: Traits) -> None:
    pen.fill(points([(-0.34, 0.1), (0.34, 0.1), (0, 1.0)]), traits.skin, outline=0)
    for side, color in ((1, traits.trim), (-1, light(traits.trim, 0.35))):
        pen.fill(
            points([(side * 0.44, 0.05), (side * 0.2, 0.12), (-side * 0.6, 2.0), (-side * 0.25, 2.05)]),
            color,
        )
    pen.fill(points([(-1.2, 1.75), (1.2, 1.75), (1.2, 2.6), (-1.2, 2.6)]), traits.trim)
    for x, y in ((-0.75, 1.2), (0.8, 1.3), (-0.5, 2.95), (0.55, 3.05)):
        for dx, dy in ((0, -0.11), (0.1, 0), (0, 0.11), (-0.1, 0)):
            pen.fill(ellipse(x + dx, y + dy, 0.08, 0.08), light(traits.trim, 0.5), outline=0)


def _armour(pen: Pen, traits: Traits) -> None:
    pen.fill(spline(symmetric([(0, 0.62), (0.44, 0.2), (0.8, 0.1), (0.3, 0.02)]), closed=True), GOLD)
    for y in (1.0, 2.2):
        pen.stroke(bend((-1.0, y), (0, y + 0.5), (1.0, y)), (0.07, 0.07, 0.07), GOLD)
    pen.fill(ellipse(0, 1.25, 0.15, 0.2), traits.trim)


def _dress(pen: Pen, traits: Traits) -> None:
    neckline = spline(symmetric([(0, 0.95), (0.45, 0.8), (0.62, 0.2), (0.3, 0.1)]), closed=True)
    pen.fill(neckline, traits.skin)
    frill = spline([(-0.62, 0.3), (-0.45, 0.85), (0, 1.02), (0.45, 0.85), (0.62, 0.3)], steps=5)
    pen.stroke(frill, (0.13, 0.13, 0.13), WHITE)
    pen.fill(points([(-1.0, 2.3), (1.0, 2.3), (1.0, 2.6), (-1.0, 2.6)]), traits.trim)


def _shirt(pen: Pen, traits: Traits) -> None:
    pen.fill(spline(symmetric([(0, 0.62), (0.36, 0.46), (0.5, 0.1), (0.2, 0.05)]), closed=True), traits.skin)
    if luminance(traits.trim) > 0.4:
        pen.fill(points([(-1.2, 1.2), (1.2, 1.2), (1.2, 1.65), (-1.2, 1.65)]), traits.trim, outline=0)


def _nothing(pen: Pen, traits: Traits) -> None:
    """Nothing lies over this outfit."""


def _neck_bow(pen: Pen, traits: Traits) -> None:
    _bow(pen, (206, 52, 62) if traits.outfit == "sailor" else traits.trim, 1.12, 0.9)


def _pauldrons(pen: Pen, traits: Traits) -> None:
    plate: Points = spline([(0.66, 0.25), (1.15, 0.2), (1.5, 0.7), (1.35, 1.1), (0.86, 0.75)], closed=True)
    for shape in (plate, mirrored(plate)):
        pen.paint(shape, light(STEEL, 0.25), depth=0.5)


_DETAILS: Mapping[str, Callable[[Pen, Traits], None]] = MappingProxyType(
    {
        "sailor": _sailor,
        "blazer": _blazer,
        "hoodie": _hoodie,
        "kimono": _kimono,
        "armour": _armour,
        "dress": _dress,
        "shirt": _shirt,
    }
)
_OVER: Mapping[str, Callable[[Pen, Traits], None]] = MappingProxyType(
    {
        "sailor": _neck_bow,
        "blazer": _nothing,
        "hoodie": _nothing,
        "kimono": _nothing,
        "armour": _pauldrons,
        "dress": _nothing,
        "shirt": _nothing,
    }
)
