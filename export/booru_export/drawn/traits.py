"""What one drawn character looks like, chosen at random."""

from __future__ import annotations

import random
from dataclasses import dataclass

from booru_export.drawn.palette import (
    EYE_COLORS,
    HAIR_COLORS,
    RGB,
    any_color,
    eye_color,
    hair_color,
    skin_color,
)
from booru_export.drawn.pen import ShapeStyle

BACK_HAIR = ("bob", "long", "twintails", "ponytail", "spiky", "hime", "wavy", "buns", "side_tail", "short")
BANGS = ("jagged", "blunt", "parted", "swept", "between", "wispy")
EYE_SHAPES = ("round", "upturned", "drooping", "half", "closed_happy", "closed_calm", "wink")
MOUTHS = ("smile", "open", "laugh", "small", "flat", "cat", "frown", "oh")
POSES = ("hanging", "akimbo", "wave", "together", "chest")
OUTFITS = ("sailor", "blazer", "hoodie", "kimono", "armour", "dress", "shirt")
CLOSED = "closed"
"""The eye color's name where both eyes are shut, as in the labelled scenes."""
_SHUT = ("closed_happy", "closed_calm")


@dataclass(frozen=True, slots=True)
class FaceMeasures:
    """Measures of a face in head units (half the face's width is 1; the head's middle is the origin)."""

    chin: float
    jaw: float
    eye_x: float
    eye_y: float
    eye_width: float
    eye_height: float
    hair_volume: float


@dataclass(frozen=True, slots=True)
class Traits:
    """A character: colors by booru name and as RGB, shapes by name."""

    hair: str
    eyes: str
    hair_rgb: RGB
    eye_rgb: RGB
    skin: RGB
    build: FaceMeasures
    back_hair: str
    bangs: str
    side_locks: float
    ahoge: bool
    eye_shape: str
    mouth: str
    blush: float
    glance: float
    outfit: str
    pose: str
    cloth: RGB
    trim: RGB
    accessories: tuple[str, ...]


def choose_traits(rng: random.Random, look: ShapeStyle) -> Traits:
    """A random character in proportions that suit the style."""
    hair, eyes = rng.choice(HAIR_COLORS), rng.choice(EYE_COLORS)
    eye_shape = rng.choices(EYE_SHAPES, (8, 5, 5, 2, 0.6, 0.4, 0.5))[0]
    back_hair = rng.choice(BACK_HAIR)
    return Traits(
        hair=hair,
        eyes=CLOSED if eye_shape in _SHUT else eyes,
        hair_rgb=hair_color(hair, rng),
        eye_rgb=eye_color(eyes, rng),
        skin=skin_color(rng),
        build=_build(rng, look),
        back_hair=back_hair,
        bangs="blunt" if back_hair == "hime" else rng.choice(BANGS),
        side_locks=rng.choice((0.0, 0.7, 1.0, 1.4, 1.9)) if back_hair != "hime" else 1.05,
        ahoge=rng.random() < 0.3,
        eye_shape=eye_shape,
        mouth=rng.choice(MOUTHS),
        blush=rng.choice((0.0, 0.3, 0.5, 0.8)),
        glance=rng.uniform(-0.25, 0.25),
        outfit=rng.choice(OUTFITS),
        pose=rng.choice(POSES),
        cloth=any_color(rng),
        trim=any_color(rng, (0.4, 0.9), (0.5, 1.0)),
        accessories=_accessories(rng, back_hair),
    )


def _build(rng: random.Random, look: ShapeStyle) -> FaceMeasures:
    if look.chibi:
        return FaceMeasures(
            chin=rng.uniform(1.0, 1.08),
            jaw=rng.uniform(1.08, 1.16),
            eye_x=rng.uniform(0.5, 0.56),
            eye_y=rng.uniform(0.26, 0.34),
            eye_width=rng.uniform(0.27, 0.33),
            eye_height=rng.uniform(0.36, 0.44),
            hair_volume=rng.uniform(1.04, 1.16),
        )
    return FaceMeasures(
        chin=rng.uniform(1.14, 1.32),
        jaw=rng.uniform(0.9, 1.08),
        eye_x=rng.uniform(0.44, 0.5),
        eye_y=rng.uniform(0.12, 0.26),
        eye_width=rng.uniform(0.24, 0.3),
        eye_height=rng.uniform(0.22, 0.36),
        hair_volume=rng.uniform(0.98, 1.14),
    )


def _accessories(rng: random.Random, back_hair: str) -> tuple[str, ...]:
    """At most one thing on top of the head, and sometimes glasses, a hairpin or a choker."""
    chosen = (
        [rng.choice(("hairband", "bow", "hat", "cat_ears", "flower", "beret"))] if rng.random() < 0.45 else []
    )
    if back_hair in ("twintails", "ponytail", "side_tail", "buns") and rng.random() < 0.7:
        chosen.append("hair_ties")
    chosen += [
        name
        for name, chance in (("glasses", 0.12), ("hairpin", 0.2), ("choker", 0.15))
        if rng.random() < chance
    ]
    return tuple(chosen)
