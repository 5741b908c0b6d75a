"""Neck, body and clothes, in head units about the pit of the neck."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from booru_export.drawn.curves import Points, bend, ellipse, join, mirrored, points, ribbon, spline, symmetric
from booru_export.drawn.palette import RGB, light, luminance, shade, skin_shade
from booru_export.drawn.pen import Pen
from booru_export.drawn.traits import Traits

WHITE: RGB = (250, 250, 252)
GOLD: RGB = (240, 196, 84)
STEEL: RGB = (176, 186, 202)


def draw_body(pen: Pen, traits: Traits, *, arms: float, chin: float) -> None:
    """A standing body below the neck; ``arms`` is the pose, 0 hanging to 1 akimbo, ``chin`` its height above."""
    cloth, _ = _cloths(traits)
    _draw_legs(pen, traits)
    for side in (-1, 1):
        _draw_arm(pen, traits, side, arms, cloth)
    _draw_neck(pen, traits, chin)
    torso = spline(
        symmetric(
            [
                (0, 0.34),
                (0.3, 0.16),
                (0.8, 0.34),
                (1.12, 0.62),
                (1.02, 1.5),
                (0.86, 2.4),
                (1.0, 3.3),
                (0, 3.4),
            ]
        ),
        closed=True,
        steps=6,
    )
    pen.paint(torso, cloth, depth=0.25)
    with pen.inside(torso) as inner:
        if not pen.look.soft:
            inner.fill(
                spline([(1.4, 0.2), (0.78, 0.9), (0.66, 2.2), (0.7, 3.6), (1.6, 3.6)], closed=True),
                shade(cloth, 0.22 * pen.look.depth),
                outline=0,
            )
        _DETAILS[traits.outfit](inner, traits)
    if traits.outfit in ("sailor", "blazer", "dress"):
        _draw_skirt(pen, shade(traits.trim, 0.2) if traits.outfit != "dress" else cloth)
    _OVER[traits.outfit](pen, traits)


def _cloths(traits: Traits) -> tuple[RGB, RGB]:
    if traits.outfit == "sailor":
        return WHITE, traits.trim
    if traits.outfit == "armour":
        return STEEL, GOLD
    return traits.cloth, traits.trim


def _draw_neck(pen: Pen, traits: Traits, chin: float) -> None:
    neck = join(
        points([(-0.3, -0.6 - chin)]), bend((-0.27, -0.2), (-0.3, 0.1), (-0.62, 0.26)), points([(0, 0.62)])
    )
    shape = join(neck, mirrored(neck)[1:])
    pen.paint(shape, traits.skin, depth=0.1)
    with pen.inside(shape) as inner:
        shadow = points([(-0.6, -1.2), (0.6, -1.2), (0.36, -0.12), (0.05, 0.06), (-0.3, -0.14)])
        inner.wash(shadow, skin_shade(traits.skin, 0.24), 0.85, blur=0.05 if pen.look.soft else 0.0)


def _draw_arm(pen: Pen, traits: Traits, side: int, pose: float, cloth: RGB) -> None:
    elbow = (side * (1.2 + 0.55 * pose), 1.95)
    hand = (side * (1.3 - 0.35 * pose), 3.35 - 0.35 * pose)
    arm = spline([(side * 0.92, 0.55), (side * (1.14 + 0.2 * pose), 1.2), elbow, hand], steps=6)
    pen.fill(ellipse(hand[0], hand[1] + 0.08, 0.17, 0.22), traits.skin)
    pen.paint(ribbon(arm, (0.5, 0.52, 0.46, 0.36)), cloth, depth=0.3)


def _draw_legs(pen: Pen, traits: Traits) -> None:
    bare = traits.outfit in ("sailor", "blazer", "dress")
    for side in (-1, 1):
        leg = points([(side * 0.45, 3.0), (side * 0.47, 5.0), (side * 0.42, 6.8), (side * 0.4, 8.2)])
        pen.paint(
            ribbon(spline(leg, steps=4), (0.78, 0.62, 0.5, 0.34)),
            traits.skin if bare else shade(traits.cloth, 0.45),
        )
        pen.fill(ellipse(side * 0.48, 8.3, 0.34, 0.2), shade(traits.trim, 0.5))


def _draw_skirt(pen: Pen, colour: RGB) -> None:
    skirt = points(
        [(-0.9, 2.55), (0.9, 2.55), (1.55, 4.5), (0.8, 4.64), (0, 4.68), (-0.8, 4.64), (-1.55, 4.5)]
    )
    pen.paint(skirt, colour, depth=0.3)
    for x in (-0.6, -0.2, 0.2, 0.6):
        pen.stroke(points([(x, 2.7), (x * 1.7, 4.62)]), (0.0, 0.05), shade(colour, 0.3))


def _bow(pen: Pen, colour: RGB, y: float, size: float) -> None:
    loop = spline([(0.04, y), (0.5 * size, y - 0.26 * size), (0.58 * size, y + 0.22 * size)], closed=True)
    for shape in (loop, mirrored(loop)):
        pen.paint(shape, colour)
    for side in (-1, 1):
        pen.paint(
            points([(0, y), (side * 0.34 * size, y + 0.78 * size), (side * 0.12 * size, y + 0.7 * size)]),
            shade(colour, 0.12),
        )
    pen.fill(ellipse(0, y, 0.11 * size, 0.12 * size), shade(colour, 0.15))


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
    for side, colour in ((1, traits.trim), (-1, light(traits.trim, 0.35))):
        pen.fill(
            points([(side * 0.44, 0.05), (side * 0.2, 0.12), (-side * 0.6, 2.0), (-side * 0.25, 2.05)]),
            colour,
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
