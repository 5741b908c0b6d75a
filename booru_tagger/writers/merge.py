"""What becomes of the tags that stand in a file when ours are to be written there: one rule for all formats.

What stands there and is not known to be ours is a person's, and stays, in its order and place. What was ours
and is gone was deleted by a person, and is never written again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, TypeVar

from booru_tagger.types import PREFIX, SUFFIX, Tag
from booru_tagger.vocab import normalise, unescape
from booru_tagger.writers.base import CREATED, Job

Item = TypeVar("Item")


class MergedTag(NamedTuple):
    """One tag of the merged list: where it stood before (``None``: it is new), and its text now."""

    place: int | None
    text: str


class Merged(NamedTuple):
    """The list that shall stand in the file, and whose its tags are."""

    entries: tuple[MergedTag, ...]
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


class PinnedTags(NamedTuple):
    """Which of our tags stand before and behind all others, whoever wrote those, and how many items at the
    end of what stands there are sentences, behind which nothing but ``last`` is put.

    ``first`` and ``last`` are literal: another spelling of one is another tag, and where a person has written
    just that, it stays theirs, but is moved.
    """

    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    sentences: int = 0


NO_ENDS = PinnedTags()


def ends_of(spelled: Sequence[str], tags: Sequence[Tag], sentences: int = 0) -> PinnedTags:
    """The ends for ``tags`` that are ``spelled`` so in the file."""
    pairs = list(zip(spelled, tags, strict=True))
    return PinnedTags(
        tuple(text for text, tag in pairs if tag.source == PREFIX),
        tuple(text for text, tag in pairs if tag.source == SUFFIX),
        sentences,
    )


def merge_job(existing: Sequence[str], job: Job, spelled: Sequence[str], sentences: int = 0) -> Merged:
    """Merge the job's tags, each ``spelled`` as the file has it, into the ``existing`` ones; see
    :func:`merge`. So many of those at their end are ``sentences``."""
    return merge(existing, spelled, job.owned, job.deleted, ends=ends_of(spelled, job.tags, sentences))


def merge(
    existing: Sequence[str],
    ours: Sequence[str],
    owned: Collection[str] = (),
    deleted: Collection[str] = (),
    same: Callable[[str], str] = meaning,
    ends: PinnedTags = NO_ENDS,
) -> Merged:
    """Merge ``ours`` (what the tool says now) into ``existing`` (what stands there), in the file's spelling.

    ``owned`` is known by exact text (:data:`CREATED` among it is passed over): a tag of ours that a person
    respelled is theirs. A tag of ours that a person has written or deleted in any spelling (``same`` maps
    spellings to their meaning) is not written. Tags of ours that stand already keep their place; new ones
    follow their predecessor in ``ours``.
    """
    owned = set(owned) - {CREATED}
    gone = frozenset(deleted) | (owned - set(existing))
    head = _literal(existing, [text for text in ends.first if text not in gone])
    tail = _literal(existing, [text for text in ends.last if text not in gone], from_end=True)
    literal = {entry.text: entry.place for entry in (*head, *tail)}
    persons = [tag for tag in existing if tag not in owned]
    refused = {same(tag) for tag in (*persons, *gone, *literal)}
    wanted: dict[str, str] = {}
    for tag in ours:
        if same(tag) not in refused:
            wanted.setdefault(same(tag), tag)
    places = [place for place in range(len(existing)) if place not in literal.values()]
    entries = _staying(existing, places, owned, wanted, same)
    end = sum(entry.place is None or entry.place < len(existing) - ends.sentences for entry in entries)
    _insert(entries, wanted, same, end)
    added = {text for text, place in literal.items() if place is None or text in owned}
    return Merged((*head, *entries, *tail), frozenset(wanted.values()) | added, gone)


def _literal(existing: Sequence[str], texts: Sequence[str], *, from_end: bool = False) -> list[MergedTag]:
    """``texts`` with the place where each stands first, or last."""
    places = list(enumerate(existing))
    found = {text: place for place, text in (places if from_end else reversed(places))}
    return [MergedTag(found.get(text), text) for text in texts]


def _staying(
    existing: Sequence[str],
    places: Sequence[int],
    owned: Collection[str],
    wanted: Mapping[str, str],
    same: Callable[[str], str],
) -> list[MergedTag]:
    """Of what stands at ``places``: a person's tags as they are, and ours that are still wanted."""
    entries = []
    for place in places:
        tag = existing[place]
        if tag not in owned:
            entries.append(MergedTag(place, tag))
        elif same(tag) in wanted:
            entries.append(MergedTag(place, wanted[same(tag)]))
    return entries


def _insert(
    entries: list[MergedTag], wanted: Mapping[str, str], same: Callable[[str], str], end: int
) -> None:
    """Put each wanted tag that does not stand yet behind its predecessor, else before its successor, else at
    ``end``."""
    meanings = [same(entry.text) for entry in entries]
    order = list(wanted)
    for number, key in enumerate(order):
        if key in meanings:
            continue
        if number > 0:
            place = len(meanings) - meanings[::-1].index(order[number - 1])
        else:
            place = min((meanings.index(other) for other in order[1:] if other in meanings), default=end)
        entries.insert(place, MergedTag(None, wanted[key]))
        meanings.insert(place, key)


def take_out(existing: Sequence[str], owned: Collection[str]) -> Merged:
    """``existing`` without the tags in ``owned``; those of them that are gone already count as deleted."""
    owned = set(owned) - {CREATED}
    entries = tuple(MergedTag(index, tag) for index, tag in enumerate(existing) if tag not in owned)
    return Merged(entries, frozenset(), frozenset(owned - set(existing)))
