"""Following faces from frame to frame by place and looks, then joining what is alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from booru_tagger.imaging import Floats
from booru_tagger.moving.choosing import ChosenFrame
from booru_tagger.types import Box, TimeRange

SAME_PLACE = 0.3
"""Overlap (IoU) from which on a face of the next frame may be the same one without being very alike."""
DOUBTFUL = 0.5
"""A head that scores less is likelier none: what other frames of its scene do not show, too, is left out."""
PATIENCE = 2
"""Frames until a face that is not seen any more counts as gone: one that is missed is no goodbye, unless the
scene was another one meanwhile."""


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """A face in one of the chosen frames: ``frame`` and ``face`` count them; ``embedding`` is a unit vector,
    ``None`` where the model gives none; ``score`` is how sure it is that this is a head."""

    frame: int
    face: int
    box: Box
    embedding: Floats | None = None
    score: float = 1.0


@dataclass(eq=False, slots=True)
class _Following:
    """A face that is being followed."""

    sightings: list[Sighting]
    total: Floats | None = None

    def add(self, sighting: Sighting) -> None:
        self.sightings.append(sighting)
        if sighting.embedding is not None:
            self.total = sighting.embedding if self.total is None else self.total + sighting.embedding

    def likeness(self, embedding: Floats | None) -> float | None:
        """Cosine to the mean so far; ``None`` where it cannot be told."""
        if self.total is None or embedding is None:
            return None
        return float(self.total @ embedding) / max(float(np.linalg.norm(self.total)), 1e-12)


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One person: all its sightings, and when it is there."""

    sightings: tuple[Sighting, ...]
    times: tuple[TimeRange, ...]


def follow(
    frames: Sequence[ChosenFrame],
    sightings: Iterable[Sequence[Sighting]],
    *,
    alike: float,
    same_person: float,
) -> list[Track]:
    """The people of a film, whoever is there longest first.

    ``sightings`` are those of each frame; ``alike`` is the similarity from which on two faces are one
    person's, ``same_person`` the same for a face that has hardly moved. Two faces of one frame are two
    people.
    """
    passages: list[_Following] = []
    for number, (frame, seen) in enumerate(zip(frames, sightings, strict=True)):
        near = [one for one in passages if number - one.sightings[-1].frame <= PATIENCE]
        for sighting, passage in zip(
            seen, _matched(near, seen, (alike, same_person), frame.cut), strict=True
        ):
            if passage is None:
                passage = _Following([])
                passages.append(passage)
            passage.add(sighting)
    people = [_track(frames, group) for group in _joined(passages, alike)]
    people = [track for track in people if not _is_glimpse(frames, track)]
    return sorted(people, key=lambda track: (-_seconds(track), track.times[0].start))


def _matched(
    passages: Sequence[_Following], seen: Sequence[Sighting], bounds: tuple[float, float], cut: bool
) -> list[_Following | None]:
    """For each sighting the passage that it goes on; the best pairs first, no passage twice."""
    pairs = []
    for row, sighting in enumerate(seen):
        for column, passage in enumerate(passages):
            score = _fit(passage, sighting, bounds, cut)
            if score is not None:
                pairs.append((-score, row, column))
    found: list[_Following | None] = [None] * len(seen)
    taken: set[int] = set()
    for _, row, column in sorted(pairs):
        if found[row] is None and column not in taken:
            found[row] = passages[column]
            taken.add(column)
    return found


def _fit(passage: _Following, sighting: Sighting, bounds: tuple[float, float], cut: bool) -> float | None:
    """How well a sighting goes on a passage; ``None`` where it does not."""
    overlap = 0.0 if cut else passage.sightings[-1].box.iou(sighting.box)
    likeness = passage.likeness(sighting.embedding)
    if likeness is None:
        return overlap if overlap >= SAME_PLACE else None
    bound = bounds[overlap >= SAME_PLACE]
    return likeness + overlap if likeness >= bound else None


@dataclass(eq=False, slots=True)
class _Group:
    """Passages of one person."""

    total: Floats
    frames: set[int]
    passages: list[_Following] = field(default_factory=list)

    def likeness(self, direction: Floats) -> float:
        return float(self.total @ direction) / max(float(np.linalg.norm(self.total)), 1e-12)


def _joined(passages: Sequence[_Following], alike: float) -> list[list[_Following]]:
    """Passages that look alike and never share a frame, together; the longest passages are asked first."""
    groups: list[_Group] = []
    alone: list[list[_Following]] = []
    for passage in sorted(passages, key=lambda passage: -len(passage.sightings)):
        if passage.total is None:
            alone.append([passage])
            continue
        frames = {sighting.frame for sighting in passage.sightings}
        direction = passage.total / max(float(np.linalg.norm(passage.total)), 1e-12)
        free = [group for group in groups if not group.frames & frames]
        best = max(free, key=lambda group: group.likeness(direction), default=None)
        if best is None or best.likeness(direction) < alike:
            best = _Group(np.zeros_like(passage.total), set())
            groups.append(best)
        best.total = best.total + passage.total
        best.frames |= frames
        best.passages.append(passage)
    return [*(group.passages for group in groups), *alone]


def _track(frames: Sequence[ChosenFrame], passages: Sequence[_Following]) -> Track:
    sightings = [sighting for passage in passages for sighting in passage.sightings]
    times = [time for passage in passages for time in _times(frames, passage)]
    return Track(tuple(sorted(sightings, key=lambda sighting: sighting.frame)), united(times))


def _times(frames: Sequence[ChosenFrame], passage: _Following) -> Iterator[TimeRange]:
    """From the first sighting to the last, without the other scenes in between."""
    numbers = [sighting.frame for sighting in passage.sightings]
    start = frames[numbers[0]].at
    for one, following in pairwise(numbers):
        if following > one + 1 and any(frame.cut for frame in frames[one + 1 : following + 1]):
            yield TimeRange(start, frames[one].until)
            start = frames[following].at
    yield TimeRange(start, frames[numbers[-1]].until)


def _is_glimpse(frames: Sequence[ChosenFrame], track: Track) -> bool:
    """Whether this is a doubtful head that one frame shows, and the one before or after it in the same scene
    does not."""
    first, *others = track.sightings
    if others or first.score >= DOUBTFUL:
        return False
    after = first.frame + 1
    return (first.frame > 0 and not frames[first.frame].cut) or (
        after < len(frames) and not frames[after].cut
    )


def united(times: Iterable[TimeRange]) -> tuple[TimeRange, ...]:
    """The same stretches of time in their order, those that touch as one."""
    found: list[TimeRange] = []
    for time in sorted(times):
        if found and time.start <= found[-1].end + 1e-6:
            found[-1] = TimeRange(found[-1].start, max(found[-1].end, time.end))
        else:
            found.append(time)
    return tuple(found)


def _seconds(track: Track) -> float:
    return sum(end - start for start, end in track.times)
