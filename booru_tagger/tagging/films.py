"""Looking at a moving picture: at a few of its frames, then at each of its people as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from booru_tagger.errors import DamagedImageError
from booru_tagger.imaging import Floats
from booru_tagger.models.identity import likeness_bounds
from booru_tagger.models.recogniser import Recognition, pooled
from booru_tagger.moving import Film
from booru_tagger.moving.choosing import ChosenFrame, choose
from booru_tagger.moving.tracking import Sighting, Track, follow, united
from booru_tagger.tagging.looking import Look, Networks
from booru_tagger.types import Face, Moving, Reading, TimeRange

BEST_SHARE = 0.25
"""A tag of the whole picture has the mean of its scores in so large a part of the frames, its best ones."""
_BLINK = 1e-3
"""Seconds that any frame counts for: the last one may end when it begins."""


@dataclass(frozen=True, slots=True)
class Presence:
    """When a person is there, and the time of the frame that its face was taken from, in seconds."""

    at: float
    times: tuple[TimeRange, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FilmLook:
    """What the networks say of a film: a look with one face for each person, whose presences are in the same
    order."""

    look: Look
    presences: tuple[Presence, ...]
    moving: Moving


@dataclass(slots=True)
class _FrameLooks:
    """The looks at the chosen frames, without the whole pictures."""

    frames: Sequence[ChosenFrame]
    looks: list[Look] = field(default_factory=list)

    def sightings(self) -> list[list[Sighting]]:
        return [
            [
                Sighting(number, index, face.box, embedding, face.score)
                for index, (face, embedding) in enumerate(zip(look.faces, _embeddings(look), strict=True))
            ]
            for number, look in enumerate(self.looks)
        ]

    def face(self, sighting: Sighting) -> Face:
        return self.looks[sighting.frame].faces[sighting.face]

    def answer(self, sighting: Sighting) -> Recognition:
        return self.looks[sighting.frame].answers[sighting.face]


def _embeddings(look: Look) -> Sequence[Floats | None]:
    """One for each face."""
    return [answer.embedding for answer in look.answers] or [None] * len(look.faces)


def look_at_film(networks: Networks, film: Film, max_frames: int) -> FilmLook:
    """What the networks say of a film, of which at most ``max_frames`` frames are looked at.

    Raises a subclass of :class:`booru_tagger.errors.ImageError`.
    """
    survey = film.survey()
    chosen = choose(survey, max_frames)
    seen = _FrameLooks(chosen)
    for picture in film.frames(frozenset(frame.number for frame in chosen)):
        look = networks.look_at_picture(picture)
        # The pixels of all faces of all frames would be much to remember, and nobody asks for them.
        seen.looks.append(
            replace(look, answers=tuple(replace(answer, shown=None) for answer in look.answers))
        )
    if not seen.looks:
        raise DamagedImageError(f"{film.name}: no frame of it can be read")
    seen.frames = chosen[: len(seen.looks)]
    alike, same_person = likeness_bounds(networks.bundle)
    tracks = follow(seen.frames, seen.sightings(), alike=alike, same_person=same_person)
    moving = Moving(survey.duration, len(seen.looks))
    return FilmLook(_whole(seen, tracks, networks), tuple(_presence(seen, track) for track in tracks), moving)


def _whole(seen: _FrameLooks, tracks: Sequence[Track], networks: Networks) -> Look:
    """The film as if it were one picture."""
    scores = [look.scores for look in seen.looks if look.scores is not None]
    spec = networks.bundle.recogniser
    answers = [] if spec is None else [_pooled(seen, track, spec.size) for track in tracks]
    first = seen.looks[0]
    return Look(
        first.width,
        first.height,
        2 * sum(look.colored for look in seen.looks) >= len(seen.looks),
        tuple(seen.face(_best(seen, track)) for track in tracks),
        tuple(answers),
        _best_mean(scores) if scores else None,
        alone=len(tracks) == 1 and all(look.alone for look in seen.looks if look.faces),
    )


def _pooled(seen: _FrameLooks, track: Track, size: int) -> Recognition:
    """Faces count by how long they are shown, how sure and, up to what the recogniser takes in, how large."""
    weights = []
    for sighting in track.sightings:
        face, frame = seen.face(sighting), seen.frames[sighting.frame]
        side = face.box.longer
        weights.append((frame.until - frame.at + _BLINK) * face.score * min(1.0, side / size))
    return pooled([seen.answer(sighting) for sighting in track.sightings], weights)


def _best(seen: _FrameLooks, track: Track) -> Sighting:
    """The sighting to show: the surest and largest, the first of several."""
    return max(track.sightings, key=lambda sighting: _worth(seen.face(sighting)))


def _worth(face: Face) -> float:
    return face.score * face.box.longer


def _presence(seen: _FrameLooks, track: Track) -> Presence:
    return Presence(seen.frames[_best(seen, track).frame].at, track.times)


def _best_mean(scores: Sequence[Floats]) -> Floats:
    """For each tag the mean of its best scores."""
    count = max(1, round(BEST_SHARE * len(scores)))
    best = np.sort(np.stack(scores), axis=0)[-count:]
    return np.asarray(best.mean(axis=0), np.float32)


def with_times(readings: Iterable[Reading], presences: Iterable[Presence]) -> tuple[Reading, ...]:
    """The readings with the times of their faces; what has the same name is one person."""
    named: dict[str, int] = {}
    found: list[Reading] = []
    for reading, presence in zip(readings, presences, strict=True):
        face = replace(reading.face, at=presence.at, times=presence.times)
        who = face.character.tag if face.character is not None else None
        if who is not None and who in named:
            found[named[who]] = _united(found[named[who]], replace(reading, face=face))
            continue
        if who is not None:
            named[who] = len(found)
        found.append(replace(reading, face=face))
    return tuple(sorted(found, key=lambda reading: (-reading.face.seconds, reading.face.times)))


def _united(one: Reading, other: Reading) -> Reading:
    """The surer of two readings of one person, at the times of both."""
    better = max(
        one, other, key=lambda reading: reading.face.character.score if reading.face.character else 0
    )
    times = united((*one.face.times, *other.face.times))
    return replace(better, face=replace(better.face, times=times))
