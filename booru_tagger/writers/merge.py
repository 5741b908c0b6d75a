"""What becomes of the tags that stand in a file when ours are to be written there: one rule for all formats.

What stands there and is not known to be ours is a person's, and stays, in its order and place. What was ours
and is gone was deleted by a person, and is never written again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from booru_tagger.vocab import normalise, unescape
from booru_tagger.writers.base import CREATED

Item = TypeVar("Item")


class Entry(NamedTuple):
    """One tag of the merged list: where it stood before (``None``: it is new), and its text now."""

    place: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Merged:
    """The list that shall stand in the file, and whose its tags are."""

    entries: tuple[Entry, ...]
    owned: frozenset[str]
    deleted: frozenset[str]

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(entry.text for entry in self.entries)

    def items(self, standing: Sequence[Item], ours: Mapping[str, Item]) -> list[Item]:
        """The list in the format's own items: ``standing`` are those of the list before, ``ours`` are made
        for the tags that are ours now."""
        return [
            standing[place] if place is not None and text not in self.owned else ours[text]
            for place, text in self.entries
        ]


def meaning(text: str) -> str:
    r"""What spellings of a tag share: ``Blonde Hair`` and ``blonde_hair``, ``x (y)`` and ``x \(y\)``."""
    return normalise(unescape(text))


def merge(
    existing: Sequence[str],
    ours: Sequence[str],
    owned: Collection[str] = (),
    deleted: Collection[str] = (),
    same: Callable[[str], str] = meaning,
) -> Merged:
    """Merge ``ours`` (what the tool says now) into ``existing`` (what stands there), in the file's spelling.

    ``owned`` is known by exact text (:data:`CREATED` among it is passed over): a tag of ours that a person
    respelled is theirs. A tag of ours that a
    person has written or deleted in any spelling (``same`` maps spellings to their meaning) is not written.
    Tags of ours that stand already keep their place; new ones follow their predecessor in ``ours``.
    """
    owned = set(owned) - {CREATED}
    person = {same(tag) for tag in existing if tag not in owned}
    gone = frozenset(deleted) | (owned - set(existing))
    refused = person | {same(tag) for tag in gone}
    wanted: dict[str, str] = {}
    for tag in ours:
        if same(tag) not in refused:
            wanted.setdefault(same(tag), tag)
    entries = []
    for index, tag in enumerate(existing):
        if tag not in owned:
            entries.append(Entry(index, tag))
        elif same(tag) in wanted:
            entries.append(Entry(index, wanted[same(tag)]))
    return Merged(tuple(_insert(entries, wanted, person, same)), frozenset(wanted.values()), gone)


def _insert(
    entries: list[Entry], wanted: dict[str, str], person: Collection[str], same: Callable[[str], str]
) -> list[Entry]:
    """Put each wanted tag that does not stand yet behind its predecessor, else before its successor."""
    meanings = [same(entry.text) for entry in entries]
    order = list(wanted)
    for number, key in enumerate(order):
        if key in meanings:
            continue
        place = len(entries)
        if number > 0:
            place = len(meanings) - meanings[::-1].index(order[number - 1])
        else:
            later = [meanings.index(other) for other in order[1:] if other in meanings]
            place = min(later, default=place)
        entries.insert(place, Entry(None, wanted[key]))
        meanings.insert(place, key)
    return entries


def take_out(existing: Sequence[str], owned: Collection[str]) -> Merged:
    """``existing`` without the tags in ``owned``; those of them that are gone already count as deleted."""
    owned = set(owned) - {CREATED}
    entries = tuple(Entry(index, tag) for index, tag in enumerate(existing) if tag not in owned)
    return Merged(entries, frozenset(), frozenset(owned - set(existing)))
