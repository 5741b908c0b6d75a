"""What is worn on and about the head."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from booru_export.drawn.curves import Points, bend, ellipse, join, mirrored, points, ribbon, spline, star
from booru_export.drawn.hair import Hair, cap_of
from booru_export.drawn.palette import light, mix, shade
from booru_export.drawn.pen import Pen
from booru_export.drawn.traits import Traits


def draw_trims(pen: Pen, traits: Traits, hair: Hair) -> None:
    """Everything in the traits' accessories that lies over the hair."""
    for name in traits.accessories:
        if name in _DRAW:
            _DRAW[name](pen, traits, hair)


def draw_glasses(pen: Pen, traits: Traits) -> None:
    """Glasses lie over the eyes but under the bangs."""
    if "glasses" not in traits.accessories:
        return
    front = pen.on_head()
    build = traits.build
    color = shade(traits.trim, 0.55)
    for side in (-1, 1):
        lens = ellipse(
            side * build.eye_x, build.eye_y + 0.04, build.eye_width * 1.35, build.eye_height * 1.12 + 0.05
        )
        front.wash(lens, (225, 240, 255), 0.14)
        front.stroke(join(lens, lens[:1]), (0.05, 0.05), color)
        edge = side * (build.eye_x + build.eye_width * 1.35)
        front.stroke(points([(edge, build.eye_y), (side * 1.0, build.eye_y - 0.06)]), (0.045, 0.045), color)
    bridge = build.eye_x - build.eye_width * 1.35
    front.stroke(
        bend((-bridge, build.eye_y), (0, build.eye_y - 0.07), (bridge, build.eye_y)),
        (0.045, 0.045, 0.045),
        color,
    )


def draw_choker(pen: Pen, traits: Traits) -> None:
    """Drawn with the neck: the origin is its pit."""
    if "choker" in traits.accessories:
        pen.fill(
            ribbon(bend((-0.31, -0.18), (0, 0.0), (0.31, -0.18)), (0.12, 0.12)),
            shade(traits.trim, 0.6),
            outline=0.5,
        )


def _hairband(pen: Pen, traits: Traits, hair: Hair) -> None:
    outer = cap_of(traits.build.hair_volume * 1.015)
    inner = outer * (0.96, 0.86) + (0.0, -0.02)
    band = join(outer[6:-6], inner[6:-6][::-1])
    pen.fill(band, traits.trim)


def _bow_shape(x: float, y: float, size: float) -> tuple[Points, ...]:
    loop = spline([(0.05, 0.0), (0.5, -0.32), (0.66, 0.0), (0.5, 0.3)], closed=True)
    tail = points([(0.03, 0.02), (0.42, 0.62), (0.22, 0.6), (0.12, 0.7)])
    shapes = (mirrored(tail), tail, mirrored(loop), loop, ellipse(0, 0, 0.13, 0.15))
    return tuple(shape * size + (x, y) for shape in shapes)


def _bow(pen: Pen, traits: Traits, hair: Hair) -> None:
    for index, shape in enumerate(_bow_shape(0.0, -1.42, 1.15)):
        pen.paint(shape, shade(traits.trim, 0.15) if index in (0, 1, 4) else traits.trim)


def _hair_ties(pen: Pen, traits: Traits, hair: Hair) -> None:
    for x, y in hair.ties:
        for shape in _bow_shape(x, y, 0.5):
            pen.paint(shape, traits.trim)


def _hat(pen: Pen, traits: Traits, hair: Hair) -> None:
    """A wide-brimmed pointed hat."""
    crown = spline(
        [
            (-0.95, -0.98),
            (-0.62, -1.6),
            (-0.1, -2.3),
            (0.45, -2.75),
            (0.42, -2.2),
            (0.72, -1.6),
            (0.95, -0.98),
        ],
        steps=6,
    )
    pen.paint(crown, traits.trim, depth=0.4)
    pen.fill(ribbon(bend((-0.9, -1.15), (0, -0.98), (0.9, -1.15)), (0.22, 0.22)), light(traits.trim, 0.55))
    brim = spline(
        [
            (-1.75, -0.78),
            (-0.9, -1.06),
            (0, -0.98),
            (0.9, -1.06),
            (1.75, -0.78),
            (0.9, -0.76),
            (0, -0.7),
            (-0.9, -0.76),
        ],
        closed=True,
    )
    pen.paint(brim, shade(traits.trim, 0.12), depth=0.3)


def _beret(pen: Pen, traits: Traits, hair: Hair) -> None:
    shape = spline(
        [(-1.0, -0.92), (-1.3, -1.35), (-0.7, -1.82), (0.4, -1.86), (1.12, -1.5), (1.0, -0.98), (0, -1.12)],
        closed=True,
    )
    pen.paint(shape, traits.trim, depth=0.3)
    pen.fill(ellipse(0.0, -1.84, 0.07, 0.1), traits.trim)


def _cat_ears(pen: Pen, traits: Traits, hair: Hair) -> None:
    ear = join(
        bend((0.32, -1.3), (0.72, -1.75), (0.98, -2.05)), bend((0.98, -2.05), (1.2, -1.5), (1.08, -0.75))[1:]
    )
    middle = ear.mean(0)
    inner = (ear - middle) * 0.6 + middle
    for flip in (False, True):
        outer_shape, inner_shape = (mirrored(ear), mirrored(inner)) if flip else (ear, inner)
        pen.paint(outer_shape, traits.hair_rgb)
        pen.fill(inner_shape, mix(traits.skin, (250, 150, 160), 0.5), outline=0)


def _flower(pen: Pen, traits: Traits, hair: Hair) -> None:
    pen.fill(star(0.82, -0.85, 0.36, 0.24, 6), traits.trim)
    for dx, dy in star(0.0, 0.0, 0.2, 0.2, 3):
        pen.fill(
            ellipse(0.82 + float(dx), -0.85 + float(dy), 0.12, 0.12), light(traits.trim, 0.35), outline=0
        )
    pen.fill(ellipse(0.82, -0.85, 0.09, 0.09), (250, 220, 110), outline=0.5)


def _hairpin(pen: Pen, traits: Traits, hair: Hair) -> None:
    for start, end in (((0.62, -0.62), (0.92, -0.4)), ((0.92, -0.66), (0.64, -0.36))):
        pen.stroke(points([start, end]), (0.08, 0.08), light(traits.trim, 0.2))


_DRAW: Mapping[str, Callable[[Pen, Traits, Hair], None]] = MappingProxyType(
    {
        "hairband": _hairband,
        "bow": _bow,
        "hair_ties": _hair_ties,
        "hat": _hat,
        "beret": _beret,
        "cat_ears": _cat_ears,
        "flower": _flower,
        "hairpin": _hairpin,
    }
)
