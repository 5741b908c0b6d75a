"""The colors of hair and eyes that a character's name is to imply, as far as its faces agree on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from booru_tagger.colors import Part
from booru_tagger.types import FaceResult

AGREED = 2 / 3
"""Share of the faces with a measured color that must show the same one.

With less, one in thirty implied eye colors would be a neighboring one's.
"""
ENOUGH = 1 / 3
"""Share of all faces on which a color must have been measured."""


@dataclass(frozen=True, slots=True)
class ColorDoubt:
    """Colors that were measured on a character's faces without one that most agree on, commonest first."""

    part: Part
    counts: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        seen = ", ".join(f"{tag} on {count}" for tag, count in self.counts)
        return f"the faces do not agree on the color of the {self.part} ({seen})"


def common_color(part: Part, faces: Sequence[FaceResult]) -> str | ColorDoubt | None:
    """The color that the faces show; a doubt where they disagree, ``None`` where too few show any."""
    colors = [face.hair_color if part == Part.HAIR else face.eye_color for face in faces]
    counts = Counter(color.tag for color in colors if color is not None)
    if not counts or counts.total() < ENOUGH * len(faces):
        return None
    tag, count = counts.most_common(1)[0]
    return tag if count >= AGREED * counts.total() else ColorDoubt(part, tuple(counts.most_common()))


def common_colors(faces: Sequence[FaceResult]) -> tuple[tuple[str, ...], tuple[ColorDoubt, ...]]:
    """What the faces show of hair and eyes, and where they disagree."""
    found = [common_color(part, faces) for part in (Part.HAIR, Part.EYES)]
    tags = tuple(one for one in found if isinstance(one, str))
    return tags, tuple(one for one in found if isinstance(one, ColorDoubt))
