"""Names that are too close to one another to be told apart by the people who use them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from difflib import SequenceMatcher

SHORTEST = 5
"""Letters that a name must have for a small difference to be a likely slip."""
ALIKE = 0.87
"""Share of letters in common, in their order, from which two names look like two spellings of one: one
letter exchanged in eight, one more or less in five."""

_QUALIFIER = re.compile(r"_?\([^)]*\)")
_NO_LETTER = re.compile(r"[\W_]+")


def near_names(tag: str, known: Iterable[str]) -> list[str]:
    """Those of the ``known`` tags that may well mean the same character as ``tag``, itself included.

    Names are the same but for signs, case, accents, brackets or the order of words, or differ by a letter or
    so.
    """
    return sorted(other for other in known if _near(tag, other))


def _near(first: str, second: str) -> bool:
    one, other = _words(first), _words(second)
    if not one or not other:
        return first == second
    if sorted(one) == sorted(other):
        return True
    letters, others = "".join(one), "".join(other)
    if min(len(letters), len(others)) < SHORTEST:
        return False
    matcher = SequenceMatcher(None, letters, others, autojunk=False)
    return matcher.real_quick_ratio() >= ALIKE and matcher.quick_ratio() >= ALIKE and matcher.ratio() >= ALIKE


def _words(tag: str) -> list[str]:
    """The words of a name without its qualifier, their letters only, as plain as they get."""
    plain = unicodedata.normalize("NFKD", _QUALIFIER.sub("", tag).casefold())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return [word for part in plain.split("_") if (word := _NO_LETTER.sub("", part))]
