"""Eyes, lashes and brows."""

from __future__ import annotations

from booru_export.drawn.curves import Points, bend, ellipse, join, moved, points, spline
from booru_export.drawn.palette import RGB, light, mix, shade, skin_shade
from booru_export.drawn.pen import Pen
from booru_export.drawn.traits import Traits


def draw_eyes(pen: Pen, traits: Traits) -> None:
    """Both eyes with their lashes; the traits' eye shape decides whether and how far they are open."""
    front = pen.on_head()
    for side in (-1, 1):
        shape = traits.eye_shape
        if shape == "wink":
            shape = "closed_happy" if side == 1 else "round"
        if shape.startswith("closed"):
            _draw_shut_eye(front, traits, side, up=shape == "closed_happy")
        else:
            _Eye(front, traits, side, shape).draw()


def _draw_shut_eye(pen: Pen, traits: Traits, side: int, *, up: bool) -> None:
    build = traits.build
    x, y, width = side * build.eye_x, build.eye_y + 0.06, build.eye_width
    middle = bend((x - width, y), (x, y + (-0.36 if up else 0.24)), (x + width, y))
    color = lash_color(traits)
    pen.stroke(middle, (0.02, 0.075, 0.09, 0.075, 0.02), color)
    for step in (0.0, 0.12):
        outer = (x + side * (width - step), y + (0.0 if up else 0.04 + step * 0.4))
        tip = (outer[0] + side * 0.09, outer[1] + (0.05 if up else 0.08))
        pen.stroke(points([outer, tip]), (0.05, 0.0), color)


def lash_color(traits: Traits) -> RGB:
    return mix(shade(traits.hair_rgb, 0.75), (34, 22, 34), 0.75)


class _Eye:
    """One open eye, in coordinates about its own middle; ``side`` is -1 for the one on the left."""

    def __init__(self, pen: Pen, traits: Traits, side: int, shape: str) -> None:
        build = traits.build
        self.pen, self.traits, self.side = pen, traits, side
        self.width, self.height = build.eye_width, build.eye_height
        self.slant = {"upturned": -0.09, "drooping": 0.07}.get(shape, 0.0)
        self.lid = {"half": 0.12, "upturned": -0.8, "drooping": -0.92}.get(shape, -1.0)

    def spot(self, x: float, y: float) -> tuple[float, float]:
        """From the eye's own coordinates (1 is its edge, outer side positive) to the head's."""
        build = self.traits.build
        return (
            self.side * (build.eye_x + x * self.width),
            build.eye_y + y * self.height + self.slant * x,
        )

    def line(self, *spots: tuple[float, float]) -> Points:
        return spline([self.spot(*spot) for spot in spots], steps=6)

    def draw(self) -> None:
        upper = self.line(
            (-1.0, 0.05), (-0.72, self.lid * 0.62), (0.0, self.lid), (0.72, self.lid * 0.66), (1.02, 0.12)
        )
        lower = self.line((1.02, 0.12), (0.78, 0.72), (0.1, 0.98), (-0.6, 0.84), (-1.0, 0.05))
        opening = join(upper, lower[1:-1])
        self.pen.fill(opening, (253, 252, 252), outline=0)
        with self.pen.inside(opening) as inner:
            self._draw_iris(inner)
            shadow = join(upper, moved(upper, 0, 0.24 * self.height)[::-1])
            inner.wash(shadow, (70, 50, 90), 0.3)
        self._draw_lashes(upper, lower)

    def _draw_iris(self, pen: Pen) -> None:
        color, chibi = self.traits.eye_rgb, pen.look.chibi
        x, y = self.spot(-0.04 + self.side * self.traits.glance, 0.02)
        width, height = self.width * (0.78 if chibi else 0.72), self.height * 1.02
        height = max(height, width * 1.05)
        dark = shade(color, 0.62)
        pen.fill(ellipse(x, y, width, height), dark, outline=0)
        iris = ellipse(x, y + 0.01, width * 0.88, height * 0.9)
        if pen.look.name == "flat":
            pen.fill(iris, color, outline=0)
        else:
            pen.blend(iris, shade(color, 0.45), light(color, 0.22))
        pen.fill(ellipse(x, y + 0.02, width * 0.4, height * 0.42), shade(color, 0.78), outline=0)
        with pen.inside(iris) as inner:
            inner.wash(ellipse(x, y + height * 0.72, width * 0.62, height * 0.36), light(color, 0.5), 0.7)
        pen.fill(
            ellipse(x - width * 0.34, y - height * 0.42, width * 0.3, height * 0.26),
            (255, 255, 255),
            outline=0,
        )
        pen.fill(
            ellipse(x + width * 0.4, y + height * 0.36, width * 0.15, height * 0.13),
            (255, 255, 255),
            outline=0,
        )

    def _draw_lashes(self, upper: Points, lower: Points) -> None:
        color = lash_color(self.traits)
        thick = 0.095 if self.pen.look.name != "flat" else 0.08
        self.pen.stroke(upper, (0.02, thick * 0.7, thick, thick * 1.1, thick * 0.7), color)
        for start, end in (((0.98, 0.12), (1.32, -0.14)), ((0.8, -0.25), (1.22, -0.48))):
            self.pen.stroke(self.line(start, end), (thick * 0.8, 0.0), color)
        self.pen.stroke(lower[: len(lower) * 2 // 3], (0.035, 0.022, 0.0), mix(color, self.traits.skin, 0.25))
        if not self.pen.look.chibi:
            crease = self.line((-0.6, self.lid - 0.18), (0.1, self.lid - 0.32), (0.85, self.lid * 0.7 - 0.26))
            self.pen.stroke(crease, (0.0, 0.02, 0.0), skin_shade(self.traits.skin, 0.4))


def draw_brows(pen: Pen, traits: Traits) -> None:
    """Brows lie over the hair, half seen through it, as the custom is."""
    front = pen.on_head()
    build = traits.build
    tilt = {"frown": 0.05, "upturned": 0.06, "drooping": -0.05}.get(traits.eye_shape, 0.0)
    y = build.eye_y - build.eye_height - 0.2
    color = mix(shade(traits.hair_rgb, 0.45), traits.skin, 0.2)
    for side in (-1, 1):
        inner = (side * (build.eye_x - 0.24), y + 0.02 + tilt)
        outer = (side * (build.eye_x + 0.26), y + 0.05 - tilt)
        front.stroke(bend(inner, (side * build.eye_x, y - 0.1), outer), (0.045, 0.05, 0.0), color)
