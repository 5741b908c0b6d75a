"""The face under the hair: its shape, ears, eyes, brows, nose, mouth and blush."""

from __future__ import annotations

from booru_export.drawn.curves import Points, bend, ellipse, join, mirrored, moved, points, spline, symmetric
from booru_export.drawn.palette import RGB, mix, skin_shade
from booru_export.drawn.pen import Pen
from booru_export.drawn.traits import FaceMeasures, Traits

DARK_MOUTH: RGB = (140, 44, 52)
TONGUE: RGB = (238, 128, 124)
BLUSH: RGB = (250, 112, 108)


def outline_of_face(build: FaceMeasures) -> Points:
    """The closed outline of the face, from the chin round the skull."""
    chin, jaw = build.chin, build.jaw
    half = [
        (0, chin),
        (0.13, chin - 0.02),
        (0.42 * jaw, chin - 0.2),
        (0.74 * jaw, chin - 0.5),
        (0.91 * (0.6 + 0.4 * jaw), 0.3),
        (0.97, -0.15),
        (0.95, -0.6),
        (0.75, -1.0),
        (0.4, -1.2),
        (0, -1.25),
    ]
    return spline(symmetric(half), closed=True, steps=6)


def draw_face(pen: Pen, traits: Traits, bangs: Points) -> None:
    """Ears and face with shading, blush and the shadow of the ``bangs``; without eyes, nose and mouth."""
    for side in (-1, 1):
        ear = ellipse(0.97 * side, 0.28, 0.14, 0.26)
        pen.paint(ear, traits.skin, depth=0.1)
        pen.wash(ellipse(1.0 * side, 0.3, 0.07, 0.16), skin_shade(traits.skin), 0.7)
    front = pen.on_head()
    outline = outline_of_face(traits.build)
    front.fill(outline, traits.skin)
    with front.inside(outline) as inner:
        _shade_sides(inner, traits)
        _blush(inner, traits)
        softness = 0.05 if pen.look.soft else 0.0
        inner.wash(
            moved(bangs, 0.02, 0.11), skin_shade(traits.skin, 0.2 * pen.look.depth), 0.8, blur=softness
        )


def _shade_sides(pen: Pen, traits: Traits) -> None:
    dark = skin_shade(traits.skin, 0.14 * pen.look.depth)
    if pen.look.soft:
        for x in (-0.98, 0.98):
            pen.wash(ellipse(x, 0.5, 0.22, 0.7), dark, 0.7, blur=0.12)
        return
    cheek = bend((0.84, 0.2), (0.78, 0.72), (0.1, traits.build.chin + 0.05))
    pen.fill(join(points([(1.2, -0.5), (0.86, -0.2)]), cheek, points([(1.2, 1.4)])), dark, outline=0)


def _blush(pen: Pen, traits: Traits) -> None:
    if not traits.blush:
        return
    build = traits.build
    for side in (-1, 1):
        x, y = side * (build.eye_x + 0.12), build.eye_y + build.eye_height + 0.16
        pen.wash(ellipse(x, y, 0.2, 0.1), BLUSH, 0.5 * traits.blush, blur=0.06)
        if traits.blush > 0.6:
            for step in (-0.08, 0.0, 0.08):
                line = points([(x + step + 0.03, y - 0.05), (x + step - 0.03, y + 0.05)])
                pen.stroke(line, (0.0, 0.025, 0.0), mix(traits.skin, (220, 70, 70), 0.6))


def draw_nose(pen: Pen, traits: Traits) -> None:
    front = pen.on_head()
    y = (traits.build.eye_y + traits.build.eye_height + traits.build.chin) / 2 - 0.14
    color = skin_shade(traits.skin, 0.3)
    if pen.look.chibi:
        front.fill(ellipse(0, y - 0.02, 0.025, 0.018), color, outline=0)
        return
    front.wash(points([(0.0, y - 0.07), (0.07, y + 0.02), (-0.03, y + 0.02)]), color, 0.7)
    front.stroke(points([(-0.035, y + 0.01), (0.01, y + 0.025), (0.035, y + 0.01)]), (0.0, 0.028, 0.0), color)


def draw_mouth(pen: Pen, traits: Traits) -> None:
    front = pen.on_head()
    build = traits.build
    y = build.eye_y + build.eye_height + (build.chin - build.eye_y - build.eye_height) * 0.56
    line = mix(skin_shade(traits.skin, 0.5), (90, 30, 36), 0.55)
    if traits.mouth in ("open", "laugh", "oh"):
        _draw_open_mouth(front, traits.mouth, y, line)
        return
    front.stroke(_mouth_line(traits.mouth, y), (0.0, 0.035, 0.03, 0.035, 0.0), line)
    if traits.mouth != "cat":
        front.stroke(
            points([(-0.05, y + 0.11), (0.05, y + 0.11)]), (0.0, 0.02, 0.0), skin_shade(traits.skin, 0.22)
        )


def _mouth_line(mouth: str, y: float) -> Points:
    if mouth == "smile":
        return bend((-0.2, y - 0.03), (0, y + 0.1), (0.2, y - 0.03))
    if mouth == "small":
        return bend((-0.09, y), (0, y + 0.04), (0.09, y))
    if mouth == "frown":
        return bend((-0.13, y + 0.03), (0, y - 0.06), (0.13, y + 0.03))
    if mouth == "cat":
        left = bend((-0.2, y - 0.02), (-0.12, y + 0.1), (0, y))
        return join(left, mirrored(left)[1:])
    return points([(-0.13, y), (0, y + 0.01), (0.13, y)])


def _draw_open_mouth(front: Pen, mouth: str, y: float, line: RGB) -> None:
    if mouth == "oh":
        shape = ellipse(0, y, 0.075, 0.1)
    else:
        width, drop = (0.27, 0.34) if mouth == "laugh" else (0.17, 0.22)
        top = bend((-width, y - 0.05), (0, y + 0.0), (width, y - 0.05))
        shape = join(top, bend((width, y - 0.05), (width * 0.75, y + drop), (0, y + drop))[1:])
        shape = join(shape, bend((0, y + drop), (-width * 0.75, y + drop), (-width, y - 0.05))[1:])
    front.fill(shape, DARK_MOUTH, outline=0)
    with front.inside(shape) as inner:
        inner.fill(ellipse(0.02, y + (0.24 if mouth == "laugh" else 0.16), 0.17, 0.12), TONGUE, outline=0)
        if mouth == "laugh":
            inner.fill(
                points([(-0.22, y - 0.1), (0.22, y - 0.1), (0.2, y + 0.015), (-0.2, y + 0.015)]),
                (255, 252, 250),
                outline=0,
            )
    front.stroke(join(shape, shape[:1]), (0.026, 0.026), line)
