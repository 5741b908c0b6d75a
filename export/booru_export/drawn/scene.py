"""Whole pictures: characters placed on a background, with the truth about their heads."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from booru_export.drawn.backdrop import draw_backdrop, draw_foreground
from booru_export.drawn.curves import Points, join, points
from booru_export.drawn.eyes import draw_brows, draw_eyes
from booru_export.drawn.face import draw_face, draw_mouth, draw_nose, outline_of_face
from booru_export.drawn.hair import Hair, draw_back_hair, draw_front_hair, grow_hair
from booru_export.drawn.outfit import draw_body
from booru_export.drawn.pen import LOOKS, Pen, Pose, ShapeStyle
from booru_export.drawn.traits import Traits, choose_traits
from booru_export.drawn.trims import draw_choker, draw_glasses, draw_trims
from booru_tagger.types import Box

STYLES = tuple(LOOKS)
NECK = 0.34
"""From the chin down to the pit of the neck, in head units."""
WIDEST = 1.5
"""Hair further from the head's axis than this hangs apart from it."""
HEAD_HEIGHT = 2.7
MAX_ROLL = 20.0


@dataclass(frozen=True, slots=True)
class DrawnHead:
    """The truth about one drawn head: its head box in pixels and its colors by booru name.

    ``eyes`` is ``closed`` where both are shut.
    """

    box: Box
    hair: str
    eyes: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawn picture (RGB) and its heads."""

    image: Image.Image
    heads: tuple[DrawnHead, ...]


def draw_scene(
    seed: int,
    *,
    size: tuple[int, int] = (512, 512),
    characters: int | None = None,
    style: str | None = None,
    cast: Sequence[Traits] = (),
) -> Drawing:
    """Draw the illustration that belongs to the seed: the same seed and arguments give the same pixels.

    ``size`` is width and height in pixels. ``characters`` (1 to 4) and ``style`` (one of ``STYLES``) are
    chosen by the seed where not given. ``cast`` says who is drawn, 1 to 4 characters, rather than the seed:
    so one character can be in many pictures. Raises ValueError for a style or number that does not exist.
    """
    characters = len(cast) or characters
    if style is not None and style not in LOOKS:
        raise ValueError(f"no drawing style {style!r}: choose one of {', '.join(STYLES)}")
    if characters is not None and not 1 <= characters <= 4:
        raise ValueError(f"{characters} characters: choose 1 to 4")
    rng = random.Random(seed)
    look = LOOKS[style or rng.choice(STYLES)]
    count = characters or rng.choices((1, 2, 3, 4), (5, 3, 2, 1))[0]
    oversample = 3 if max(size) <= 900 else 2
    canvas = draw_backdrop((size[0] * oversample, size[1] * oversample), rng)
    heads = []
    for index, pose in enumerate(_arrange(canvas.size, count, look, rng)):
        traits = cast[index] if cast else choose_traits(rng, look)
        hair = grow_hair(traits, rng)
        _draw_character(Pen(canvas, look, pose, oversample), traits, hair)
        heads.append(
            DrawnHead(_head_box(pose, traits, hair, canvas.size, oversample), traits.hair, traits.eyes)
        )
    picture = canvas.reduce(oversample)
    return Drawing(draw_foreground(picture, look, rng), tuple(heads))


def _arrange(size: tuple[int, int], count: int, look: ShapeStyle, rng: random.Random) -> list[Pose]:
    """Places for the heads, the ones further back (smaller and higher) first, none over another."""
    width, height = size
    column = width / count
    poses = []
    for index in range(count):
        largest = min(column * (0.8 if count > 1 else 0.7), height * 0.62)
        head = largest * (rng.uniform(0.5, 1.0) if rng.random() < 0.75 else rng.uniform(0.25, 0.5))
        unit = head / HEAD_HEIGHT
        room = max(0.0, (column - head * 1.1) / 2)
        x = column * (index + 0.5) + rng.uniform(-room, room)
        top = 1.75 * unit
        y = rng.uniform(top, max(top, height * (0.55 if look.chibi else 0.6) - 0.8 * unit))
        roll = math.radians(max(-MAX_ROLL, min(MAX_ROLL, rng.gauss(0, 8))))
        poses.append(Pose(unit, x, y, roll, rng.uniform(-0.9, 0.9)))
    return sorted(poses, key=lambda pose: pose.y)


def _draw_character(pen: Pen, traits: Traits, hair: Hair) -> None:
    draw_back_hair(pen, traits, hair)
    chin = traits.build.chin
    x, y = pen.pose.to_pixels(points([(0.0, chin + NECK)]))[0]
    shrink = 0.62 if pen.look.chibi else 1.0
    body = pen.at(Pose(pen.pose.unit * shrink, float(x), float(y), pen.pose.roll * 0.3))
    draw_body(body, traits, neck=0.3)
    draw_choker(body, traits)
    draw_face(pen, traits, hair.bangs)
    draw_nose(pen, traits)
    draw_mouth(pen, traits)
    draw_eyes(pen, traits)
    draw_glasses(pen, traits)
    draw_front_hair(pen, traits, hair)
    draw_brows(pen, traits)
    draw_trims(pen, traits, hair)


def _head_box(pose: Pose, traits: Traits, hair: Hair, size: tuple[int, int], oversample: int) -> Box:
    """The head box in pixels of the finished picture, cut at its edges."""
    face = pose.to_pixels(outline_of_face(traits.build), round_head=True)
    cap = pose.to_pixels(hair.cap)
    spread = pose.to_pixels(_beside_the_face(join(hair.cap, *hair.back, *hair.sides), traits.build.chin))
    left, right = min(spread[:, 0].min(), face[:, 0].min()), max(spread[:, 0].max(), face[:, 0].max())
    top, bottom = min(cap[:, 1].min(), face[:, 1].min()), face[:, 1].max()
    width, height = size
    return Box(
        max(0.0, float(left)) / oversample,
        max(0.0, float(top)) / oversample,
        min(float(width), float(right)) / oversample,
        min(float(height), float(bottom)) / oversample,
    )


def _beside_the_face(shape: Points, chin: float) -> Points:
    """The points between the top of the skull and the chin that lie within the hair at the sides."""
    kept = shape[(shape[:, 1] <= chin) & (shape[:, 1] >= -1.5)]
    kept = kept.copy()
    kept[:, 0] = kept[:, 0].clip(-WIDEST, WIDEST)
    return kept
