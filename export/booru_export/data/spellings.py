"""Labels that look like two spellings of one character."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

SHORTEST = 6
"""Letters that a name must have for one letter more or less to be a likely slip."""

_QUALIFIER = re.compile(r"_?\([^)]*\)")
_NO_LETTER = re.compile(r"[\W_]+")
_LONG_VOWELS = re.compile(r"(?:ou|oo|oh(?=[^aeiou]|$))|uu|aa|ii|ee")


@dataclass(frozen=True, slots=True)
class SimilarLabels:
    """Two labels and what they have in common."""

    first: str
    second: str
    reason: str


def similar_labels(labels: Iterable[str]) -> list[SimilarLabels]:
    """Pairs of labels that may mean one character, each pair once, with the strongest reason."""
    names = sorted(set(labels))
    found: dict[tuple[str, str], str] = {}
    keys = (
        ("the same but for spaces, case and signs", _letters),
        ("the same but for what is in brackets", lambda name: _letters(_QUALIFIER.sub("", name))),
        ("the same names in another order", lambda name: " ".join(sorted(_words(name)))),
        ("the same but for long vowels", lambda name: " ".join(sorted(map(_short, _words(name))))),
    )
    for reason, key in keys:
        same: dict[str, list[str]] = defaultdict(list)
        for name in names:
            same[key(name)].append(name)
        for shared, members in same.items():
            if shared:
                for pair in combinations(members, 2):
                    found.setdefault(pair, reason)
    for pair in _one_letter_apart(names):
        found.setdefault(pair, "one letter apart")
    return [SimilarLabels(first, second, reason) for (first, second), reason in sorted(found.items())]


def _letters(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.casefold())
    return _NO_LETTER.sub("", "".join(letter for letter in plain if not unicodedata.combining(letter)))


def _words(name: str) -> list[str]:
    return [word for part in _QUALIFIER.sub("", name).split("_") if (word := _letters(part))]


def _short(word: str) -> str:
    return _LONG_VOWELS.sub(lambda match: match[0][0], word)


def _one_letter_apart(names: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Pairs at edit distance 1, by what is left when one letter is taken out (as SymSpell does)."""
    buckets: dict[str, set[str]] = defaultdict(set)
    for name in names:
        letters = _letters(name)
        if len(letters) >= SHORTEST:
            for place in range(len(letters)):
                buckets[letters[:place] + letters[place + 1 :]].add(name)
            buckets[letters].add(name)
    pairs = {pair for members in buckets.values() for pair in combinations(sorted(members), 2)}
    return sorted(pair for pair in pairs if _is_one_edit(_letters(pair[0]), _letters(pair[1])))


def _is_one_edit(first: str, second: str) -> bool:
    """One letter replaced, put in or left out, or two neighbours exchanged; no digit is ever a slip."""
    if len(first) > len(second):
        first, second = second, first
    start = next((place for place, letter in enumerate(first) if letter != second[place]), len(first))
    if len(first) == len(second):
        here, there = first[start:], second[start:]
        swapped = here[:2] == there[1::-1] and here[2:] == there[2:]
        same = swapped or here[1:] == there[1:]
    else:
        same = first[start:] == second[start + 1 :]
    return same and first != second and not second[start : start + 1].isdigit()
