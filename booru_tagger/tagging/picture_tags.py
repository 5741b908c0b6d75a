"""The tags of a picture, from those of its faces and those of a tagger of whole pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from booru_tagger.types import Reading, Tag, TagResult
from booru_tagger.vocab import CHARACTER, GENERAL

SOLO = "solo"
"""Danbooru's tag for pictures of one person, who is there once and with nobody else."""
COUNTED = "measured"
"""Source of a number of people that is told by heads; a third-party tagger's is another."""


def picture_result(
    picture: TagResult, readings: Sequence[Reading], whole_picture: Sequence[Tag] = ()
) -> TagResult:
    """``picture`` with these faces, and with the tags that they and a tagger of whole pictures give.

    That somebody is alone, as counted by heads, holds for one face only, whoever found or denied others.
    """
    if len(readings) != 1:
        whole_picture = [tag for tag in whole_picture if (tag.tag, tag.source) != (SOLO, COUNTED)]
    return replace(
        picture,
        faces=tuple(reading.face for reading in readings),
        tags=picture_tags(readings, whole_picture),
        conflicts=tuple(conflict for reading in readings for conflict in reading.conflicts),
        readings=tuple(readings),
        whole_picture=tuple(whole_picture),
    )


def picture_tags(readings: Iterable[Reading], whole_picture: Iterable[Tag] = ()) -> tuple[Tag, ...]:
    """All tags, each with its highest score: characters first, then by score.

    Where a face and a tagger of whole pictures give the same character, the face's source stays: it knows
    whose name it is.
    """
    best: dict[str, Tag] = {}
    unspoken: set[str] = set()
    for reading in readings:
        unspoken |= reading.unspoken
        for tag in reading.tags:
            if tag.tag not in best or tag.score > best[tag.tag].score:
                best[tag.tag] = tag
    for tag in whole_picture:
        ours = best.get(tag.tag)
        if ours is not None and (ours.category == CHARACTER or ours.score >= tag.score):
            best[tag.tag] = replace(ours, score=max(ours.score, tag.score))
        elif tag.category != GENERAL or tag.tag not in unspoken:
            best[tag.tag] = tag
    return tuple(sorted(best.values(), key=lambda tag: (tag.category != CHARACTER, -tag.score, tag.tag)))
