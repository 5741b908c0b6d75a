"""What people say of faces, and which faces they should look at.

A verdict outweighs the program: it is laid over whatever a run finds, on every later run, too. The journal
keeps both (see :mod:`booru_tagger.journal.reviews`); nothing here writes to a picture's files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from booru_tagger.journal import Journal
from booru_tagger.journal.reviews import TaggedPicture
from booru_tagger.review.named_in_files import Retell, with_names, with_names_in_files
from booru_tagger.tagging.picture_tags import picture_result
from booru_tagger.tagging.policy import Policy
from booru_tagger.types import PERSON, Box, CharacterMatch, FaceResult, Reading, TagResult, Verdict

SOURCE = "review"
"""Source of a name that a person gave."""
SAME_FACE = 0.5
"""Overlap (IoU) from which the box of a verdict and one found later are of the same face."""


class Band(NamedTuple):
    """Scores that are neither unknown nor sure: from ``low`` up to, not including, ``high``.

    Where ``high`` is ``None`` the model decides: every face that it gave a name is sure.
    """

    low: float
    high: float | None = None

    def holds(self, face: FaceResult) -> bool:
        """Whether a person should look at the face, as the program sees it."""
        if face.character is not None:
            return self.high is not None and self.low <= face.character.score < self.high
        best = face.candidates[0].score if face.candidates else 0.0
        return self.low <= best and (self.high is None or best < self.high)


class Overlaid(NamedTuple):
    """A picture's result with the verdicts laid over it; no policy has been applied yet.

    ``verdicts`` are the same ones, with what the program says of those faces now.
    """

    result: TagResult
    verdicts: tuple[Verdict, ...]


def overlay(raw: TagResult, verdicts: Sequence[Verdict], retell: Retell) -> Overlaid:
    """Lay ``verdicts`` over what the program found, which ``raw`` is.

    Tags that come from elsewhere than a judged face stay as they are. A verdict on a picture of another size
    has no effect, and stays.
    """
    holding = _holding(raw, verdicts)
    if not holding:
        return Overlaid(raw, tuple(verdicts))
    readings = raw.readings or tuple(retell(Reading.of(face), face.character) for face in raw.faces)
    indices = _indices(raw.faces, holding)
    settled: list[Reading] = []
    said: list[Verdict] = []
    for verdict, index in zip(holding, indices, strict=True):
        reading = Reading.of(verdict.face) if index is None else readings[index]
        said.append(verdict if index is None else replace(verdict, face=reading.face, drawn=False))
        settled += _settled(verdict, reading, retell)
    others = [reading for index, reading in enumerate(readings) if index not in indices]
    result = picture_result(raw, (*others, *settled), raw.whole_picture)
    return Overlaid(result, (*(verdict for verdict in verdicts if verdict not in holding), *said))


def finished(tagged: TaggedPicture, retell: Retell, policy: Policy) -> TagResult:
    """What would be written for a picture that was tagged before.

    Where an earlier version kept no more than what it wrote, that is it.
    """
    if tagged.raw is None:
        return tagged.result
    return policy.applied(overlay(with_written_names(tagged, retell), tagged.verdicts, retell).result)


def with_written_names(tagged: TaggedPicture, retell: Retell) -> TagResult:
    """What the program found, with the names that people gave in the picture's own files, as of the last run.

    The journal knows them, so that no file need be read for a page about ten thousand pictures.
    """
    names = [
        (face.box, face.character.tag)
        for face in tagged.result.faces
        if face.character is not None and face.character.source == PERSON
    ]
    return with_names(tagged.found, names, retell)


def all_faces(found: TagResult, verdicts: Sequence[Verdict]) -> tuple[FaceResult, ...]:
    """The faces that the program found, and those that only a verdict knows of: drawn ones, lost ones."""
    holding = _holding(found, verdicts)
    indices = _indices(found.faces, holding)
    return (
        *found.faces,
        *(verdict.face for verdict, index in zip(holding, indices, strict=True) if index is None),
    )


def matching(face: FaceResult, verdicts: Iterable[Verdict]) -> Verdict | None:
    """The verdict that is about the face."""
    best = max(verdicts, key=lambda verdict: verdict.face.overlap(face), default=None)
    return best if best is not None and best.face.overlap(face) >= SAME_FACE else None


def _holding(result: TagResult, verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The verdicts that are of a picture of this size."""
    size = result.width, result.height
    return [verdict for verdict in verdicts if (verdict.width, verdict.height) == size]


def _indices(faces: Sequence[FaceResult], verdicts: Sequence[Verdict]) -> list[int | None]:
    """For each verdict the number of the face that it is about; the best overlaps first, no face twice."""
    pairs = sorted(
        (
            (verdict.face.overlap(face), row, column)
            for row, verdict in enumerate(verdicts)
            for column, face in enumerate(faces)
        ),
        key=lambda pair: (-pair[0], pair[1], pair[2]),
    )
    found: list[int | None] = [None] * len(verdicts)
    for overlap, row, column in pairs:
        if overlap >= SAME_FACE and found[row] is None and column not in found:
            found[row] = column
    return found


def _settled(verdict: Verdict, reading: Reading, retell: Retell) -> list[Reading]:
    """The face as the person sees it: none where it is not one."""
    if verdict.kind == "not_a_face":
        return []
    who = CharacterMatch(verdict.tag, 1.0, SOURCE) if verdict.kind == "named" else None
    return [retell(reading, who)]


@dataclass(frozen=True, slots=True)
class UnheardReviewer:
    """Takes part in a run where nobody said anything yet and no queue is kept: it only knows which faces a
    person should look at."""

    band: Band | None

    def overlay(self, picture: Path, raw: TagResult) -> TagResult:
        return raw

    def note(self, picture: Path, found: TagResult) -> tuple[Box, ...]:
        band = self.band
        return tuple(face.box for face in found.faces if band is not None and band.holds(face))


class JournalReviewer:
    """Takes part in a run: lays verdicts over results, and puts uncertain faces into the queue.

    With ``read_only`` it changes nothing in the journal: for results that do not go into the picture's files.
    To be used from the thread that writes. Methods raise :class:`OutputError` where the journal cannot be
    used.
    """

    def __init__(
        self, journal: Journal, retell: Retell, band: Band | None, *, read_only: bool = False
    ) -> None:
        self._reviews, self._perhaps_ours = journal.reviews, journal.perhaps_ours
        self._retell = retell
        self._read_only = read_only
        self.band = band

    def overlay(self, picture: Path, raw: TagResult) -> TagResult:
        """What a run found, as people see it."""
        raw = self.named(picture, raw)
        verdicts = self._reviews.verdicts(picture)
        if not verdicts:
            return raw
        overlaid = overlay(raw, verdicts, self._retell)
        if overlaid.verdicts != verdicts and not self._read_only:
            self._reviews.refresh(picture, overlaid.verdicts)
        return overlaid.result

    def named(self, picture: Path, raw: TagResult) -> TagResult:
        """What a run found, with the names that people gave in the picture itself or in the XMP beside it."""

        def ours(target: Path) -> frozenset[str]:
            return self._perhaps_ours(target, picture)

        return with_names_in_files(picture, raw, self._retell, ours)

    def note(self, picture: Path, found: TagResult) -> tuple[Box, ...]:
        """Put the picture into the queue, or take it out; the boxes of its faces that wait."""
        verdicts = self._reviews.verdicts(picture)
        waiting = self._open(found, verdicts)
        if waiting:  # unless somebody named them in the picture's own files, which are read for few pictures
            waiting = self._open(self.named(picture, found), verdicts)
        if not self._read_only:
            self._reviews.wait(picture, len(waiting))
        return waiting

    def decide(self, picture: Path, found: TagResult, verdicts: Sequence[Verdict]) -> None:
        """Keep what people say of the picture, and at once how many of its faces still wait: killed after
        it, nothing that was answered is left in the queue.

        ``found`` is what the program found, with the names in the picture's own files.
        """
        self._reviews.decide(picture, verdicts, len(self._open(found, verdicts)))

    def is_open(self, face: FaceResult, verdicts: Sequence[Verdict]) -> bool:
        """Whether the face waits for a person; not so where one named it with another program."""
        if self.band is None or (face.character is not None and face.character.source == PERSON):
            return False
        return self.band.holds(face) and matching(face, verdicts) is None

    def _open(self, found: TagResult, verdicts: Sequence[Verdict]) -> tuple[Box, ...]:
        return tuple(face.box for face in found.faces if self.is_open(face, verdicts))
