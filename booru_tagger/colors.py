"""Hair and eye colors: their Danbooru tags, which of them people mix up, and canon against measurement."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from booru_tagger.types import ScoredTag


class Part(StrEnum):
    """What has the color; the value is the end of the tag."""

    HAIR = "hair"
    EYES = "eyes"


class Color(NamedTuple):
    """What a tag such as ``light_blue_hair`` says: ``("hair", "blue")``."""

    part: Part
    name: str


UNCLEAR = "unclear"
"""A label for what cannot be seen: it gives no tag."""
CLOSED = "closed"
CLOSED_EYES = "closed_eyes"
"""A general tag of its own: closed eyes have no color."""

COLORS = frozenset(
    [
        "aqua",
        "black",
        "blonde",
        "blue",
        "brown",
        "green",
        "grey",
        "orange",
        "pink",
        "purple",
        "red",
        "white",
        "yellow",
        "amber",
    ]
)

_SPELLINGS = MappingProxyType(
    {"gray": "grey", "silver": "grey", "cyan": "aqua", "teal": "aqua", "violet": "purple", "blond": "blonde"}
)
"""Other words for a color, as Danbooru aliases them."""

_BY_PART = MappingProxyType(
    {
        (Part.HAIR, "yellow"): "blonde",
        (Part.HAIR, "gold"): "blonde",
        (Part.EYES, "blonde"): "yellow",
        (Part.EYES, "gold"): "yellow",
        (Part.EYES, "amber"): "yellow",
    }
)
"""Colors whose name depends on what has them."""

_WHOLE = MappingProxyType(
    {
        (Part.HAIR, "heterochromia"): None,
        (Part.EYES, "heterochromia"): "heterochromia",
        (Part.EYES, CLOSED): CLOSED_EYES,
        (Part.EYES, CLOSED_EYES): CLOSED_EYES,
    }
)
"""Labels whose tag is not made of a color and a part; ``None`` where the label makes no sense."""

_SHADES = ("light_", "dark_", "pale_")

MIXED = MappingProxyType(
    {
        "multicolored_hair": Part.HAIR,
        "two-tone_hair": Part.HAIR,
        "gradient_hair": Part.HAIR,
        "streaked_hair": Part.HAIR,
        "split-color_hair": Part.HAIR,
        "colored_inner_hair": Part.HAIR,
        "colored_tips": Part.HAIR,
        "multicolored_eyes": Part.EYES,
        "two-tone_eyes": Part.EYES,
        "gradient_eyes": Part.EYES,
        "heterochromia": Part.EYES,
    }
)
"""Tags that say "more than one color": they agree with every single color."""

_PAIRS = """
aqua blue, aqua green, blue grey, blue purple, green yellow,
brown yellow, brown blonde, brown orange, brown red, brown black,
blonde orange, blonde white, orange yellow, orange red,
purple pink, purple black, pink red,
white grey, black blue, black grey
"""
CONFUSABLE = frozenset(frozenset(pair.split()) for pair in _PAIRS.replace("\n", " ").split(","))
"""Pairs that people and programs take for one another, by light, shade and style."""


def tag_for(part: Part, label: str) -> str | None:
    """The Danbooru tag for a model's label of a color; ``None`` where it says that nothing can be seen.

    >>> tag_for(Part.EYES, "Blonde")
    'yellow_eyes'
    """
    label = label.strip().lower().replace(" ", "_")
    if label in ("", UNCLEAR, "unknown", "none"):
        return None
    if (part, label) in _WHOLE:
        return _WHOLE[part, label]
    label = label.removesuffix(f"_{part}")
    label = _SPELLINGS.get(label, label)
    return f"{_BY_PART.get((part, label), label)}_{part}"


def color_of(tag: str) -> Color | None:
    """The one color that a tag gives to hair or eyes, its shade left out; ``None`` for any other tag."""
    name, _, end = tag.rpartition("_")
    if end not in (Part.HAIR, Part.EYES) or tag in MIXED:
        return None
    part = Part(end)
    for shade in _SHADES:
        name = name.removeprefix(shade)
    name = _SPELLINGS.get(name, name)
    return Color(part, _BY_PART.get((part, name), name)) if name in COLORS else None


def confusable(first: str, second: str) -> bool:
    """Whether two color names are the same or are commonly taken for one another."""
    return first == second or frozenset((first, second)) in CONFUSABLE


class ColorDecision(NamedTuple):
    """What stays of a measured color and of the colors that belong to a character.

    ``measured`` is ``None`` where it is in doubt, too. ``refuted`` are the canon's tags that the measurement
    rules out.
    """

    measured: ScoredTag | None
    refuted: tuple[str, ...] = ()


def reconcile(part: Part, measured: ScoredTag | None, canon: Iterable[str], *, sure: float) -> ColorDecision:
    """Weigh the color seen on a face against the tags that its character implies.

    Where they differ, a color that is easily mistaken for the canon's yields to it; any other refutes it
    (another costume, a wig, a wrong name), and stands itself where its score is ``sure`` or more. A tag for
    several colors agrees with every color. Closed eyes show no color, so they refute every canon.
    """
    canon = tuple(canon)
    own = [(tag, color.name) for tag in canon if (color := color_of(tag)) and color.part == part]
    if measured is None or not own:
        return ColorDecision(measured)
    tags = tuple(tag for tag, _ in own)
    if measured.tag == CLOSED_EYES:
        return ColorDecision(measured, refuted=tags)
    seen = color_of(measured.tag)
    if seen is None or measured.tag in tags or any(MIXED.get(tag) == part for tag in canon):
        return ColorDecision(measured)
    same = [tag for tag, name in own if name == seen.name]
    alike = same or [tag for tag, name in own if confusable(name, seen.name)]
    if alike:
        return ColorDecision(ScoredTag(alike[0], measured.score))
    return ColorDecision(measured if measured.score >= sure else None, refuted=tags)
