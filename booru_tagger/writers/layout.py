"""Lists inside a text, edited so that every byte around the edited items stays.

A caption, a JSON array and a JSON object are all the same here: items with separators between them, something
before and something behind. Taking out what was put in gives the text back as it was.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from booru_tagger.writers.merge import MergedTag


@dataclass(slots=True)
class ListLayout:
    """``before``, the items with ``gaps`` between them (one fewer than items), ``behind``."""

    before: str
    items: list[str]
    gaps: list[str]
    behind: str

    def __str__(self) -> str:
        parts = [self.before]
        for index, item in enumerate(self.items):
            parts += [self.gaps[index - 1], item] if index else [item]
        return "".join([*parts, self.behind])

    def gap(self, default: str) -> str:
        """The separator that the text uses most, of several the last; ``default`` where it has none."""
        return Counter(reversed(self.gaps)).most_common(1)[0][0] if self.gaps else default

    def insert(self, index: int, item: str, gap: str) -> None:
        if self.items:
            self.gaps.insert(max(0, index - 1), gap)
        self.items.insert(index, item)

    def remove(self, index: int) -> None:
        del self.items[index]
        if self.gaps:
            del self.gaps[max(0, index - 1)]

    def follow(self, entries: Sequence[MergedTag], gap: str, texts: Sequence[str]) -> None:
        """Bring the items to a merged list. ``texts`` are the entries' raw texts, used where an entry is new
        or respelled. Of items in another order than before, as few as can be are moved."""
        kept = _in_order([entry.place for entry in entries if entry.place is not None])
        for index in reversed(range(len(self.items))):
            if index not in kept:
                self.remove(index)
        for index, (entry, text) in enumerate(zip(entries, texts, strict=True)):
            if entry.place in kept:
                self.items[index] = text
            else:
                self.insert(index, text, gap)


def _in_order(places: Sequence[int]) -> set[int]:
    """The longest part of ``places``, each once, that grows from one to the next."""
    ends: list[int] = []  # the least place with which a growing part of each length ends
    before: dict[int, int | None] = {}
    for place in places:
        at = bisect_left(ends, place)
        before[place] = ends[at - 1] if at else None
        ends[at : at + 1] = [place]
    kept: set[int] = set()
    step = ends[-1] if ends else None
    while step is not None:
        kept.add(step)
        step = before[step]
    return kept
