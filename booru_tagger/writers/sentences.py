"""Captions of tags with sentences behind them (``1girl, solo, She smiles, waving her hand.``).

Commas stand in sentences, too, so where those begin is a guess. It decides only where new tags go, never
what is a tag.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_END = re.compile(r"""[.!?…。！？][)\]"'’”」』）]*$""")
_FULL_STOP = re.compile(r"""[.…。][)\]"'’”」』）]*$""")
_INSIDE = re.compile(r"""\w[.!?]["'”’]*\s""")
_LETTER = re.compile(r"[^\W\d_]")
_TAG_WORDS = 7
"""Words from which on an item is a sentence in itself: few tags have as many."""
_CLAUSES = 5
"""How many items back a sentence's beginning is looked for."""


def count_sentences(items: Sequence[str]) -> int:
    """How many of the last ``items``, split at commas and newlines, are sentences behind tags. 0 where
    there are no sentences, or no tags."""
    nearest = _beginning(items) if items else None
    if nearest is None or sum(map(_words, items[nearest:])) < 3:
        return 0
    start = nearest
    while start > 0 and (_opens(items[start - 1]) or _is_prose(items[start - 1])):
        start -= 1
    if start == 0 and not _is_prose(items[0]):
        start = nearest  # names of people have capitals, too
    return len(items) - start if start > 0 else 0


def _beginning(items: Sequence[str]) -> int | None:
    """Where the sentence begins that ends in the last item, as far as capital letters tell."""
    last = len(items) - 1
    words = _words(items[last])
    if _opens(items[last]) and _END.search(items[last]):
        return last
    if _FULL_STOP.search(items[last]) or (words > 3 and _END.search(items[last])):
        clauses = range(last - 1, max(-1, last - _CLAUSES), -1)
        start = next((index for index in clauses if _opens(items[index])), None)
        if start is not None or words > 3:
            return last if start is None else start
    return last if words >= _TAG_WORDS else None


def _opens(item: str) -> bool:
    """Whether its first letter is a capital, or of a script that has none."""
    first = _LETTER.search(item)
    return first is not None and not first[0].islower()


def _is_prose(item: str) -> bool:
    return _words(item) >= _TAG_WORDS or _INSIDE.search(item) is not None


def _words(item: str) -> int:
    """Words, and letters of scripts that put no blanks between words."""
    caseless = sum(letter.isalpha() and letter.lower() == letter.upper() for letter in item)
    return len(item.split()) + caseless
