"""Danbooru's spelling of tags: categories, normal form, validity, and the forms other programs want."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from types import MappingProxyType

GENERAL = "general"
ARTIST = "artist"
COPYRIGHT = "copyright"
CHARACTER = "character"
META = "meta"
RATING = "rating"

CATEGORIES = MappingProxyType({GENERAL: 0, ARTIST: 1, COPYRIGHT: 3, CHARACTER: 4, META: 5, RATING: 9})
"""Category names and Danbooru's numbers for them. A series is a tag of the category ``copyright``."""
TAG_CATEGORIES = tuple(category for category in CATEGORIES if category != RATING)
"""The categories of tags; a rating is not a tag."""

MAX_LENGTH = 170
"""Characters in a tag at most, as on Danbooru."""

KAOMOJI = frozenset(
    [
        "0_0",
        "(o)_(o)",
        "+_+",
        "+_-",
        "._.",
        "<o>_<o>",
        "<|>_<|>",
        "=_=",
        ">_<",
        "3_3",
        "6_9",
        ">_o",
        "@_@",
        "^_^",
        "o_o",
        "u_u",
        "x_x",
        "|_|",
        "||_||",
        "\\||/",
    ]
)
"""Faces made of punctuation: their underscores are not spaces."""

_SEPARATORS = re.compile(r"[\s_]+")
_ESCAPED = re.compile(r"\\([\\()])")
_SPECIAL = re.compile(r"[\\()]")
_BAD_STARTS = "-~_`%){}]/"
_PLAIN = re.compile(r"[a-z0-9](?:_?[!-)+\--@\[-^`a-~])*")
"""Nearly all tags: visible ASCII without capitals, in which no rule but that of length can be broken."""


def normalise(text: str) -> str:
    """A tag as Danbooru spells it: Unicode NFC, lower case, one underscore for each run of spaces.

    Kaomoji stay as they are. The result may still be invalid (empty, too long): see :func:`problem`.
    """
    text = unicodedata.normalize("NFC", text).strip().lower()
    # Lowering can undo the composition (capital I with dot above), so compose once more.
    text = unicodedata.normalize("NFC", text)
    if text in KAOMOJI:
        return text
    return _SEPARATORS.sub("_", text).strip("_")


@lru_cache(maxsize=1 << 15)
def problem(tag: str) -> str | None:
    """Why ``tag`` cannot be a tag, or ``None`` where it can.

    These are Danbooru's rules for names, but for letters: users may name characters in their own script.
    """
    if tag in KAOMOJI or (len(tag) <= MAX_LENGTH and _PLAIN.fullmatch(tag)):
        return None
    checks = (
        (not tag.strip("_"), "it is empty"),
        (len(tag) > MAX_LENGTH, f"it is longer than {MAX_LENGTH} characters"),
        ("*" in tag, "it contains an asterisk"),
        ("," in tag, "it contains a comma"),
        (tag[:1] in _BAD_STARTS, f"it begins with {tag[:1]!r}"),
        (tag.endswith("_"), "it ends with an underscore"),
        ("__" in tag, "it contains two underscores in a row"),
        (any(_unprintable(letter) for letter in tag), "it contains a space or an unprintable character"),
        (tag != normalise(tag), f"it is not in normal form, which is {normalise(tag)!r}"),
    )
    return next((reason for wrong, reason in checks if wrong), None)


def tag_named(text: str) -> str:
    """The tag that ``text`` spells, in normal form. Raises ValueError for what cannot be one."""
    tag = normalise(text)
    if reason := problem(tag):
        raise ValueError(f"{text!r} is not a tag: {reason}")
    return tag


def _unprintable(letter: str) -> bool:
    return letter.isspace() or not letter.isprintable()


def to_spaces(tag: str) -> str:
    """The tag with spaces for underscores, as captions want it; kaomoji stay as they are."""
    return tag if tag in KAOMOJI else tag.replace("_", " ")


def escape(tag: str) -> str:
    r"""The tag for a prompt, where brackets would change its weight: ``saber_\(fate\)``."""
    return _SPECIAL.sub(r"\\\g<0>", tag)


def unescape(text: str) -> str:
    """What :func:`escape` was given."""
    return _ESCAPED.sub(r"\1", text)
