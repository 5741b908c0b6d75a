"""What people say of faces, and which faces they should look at.

A verdict outweighs the program: it is laid over whatever a run finds, on every later run, too. The journal
keeps both (see :mod:`booru_tagger.journal.reviews`); nothing here writes to a picture's files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from booru_tagger.journal import Journal
from booru_tagger.tagging.policy import Policy
from booru_tagger.tagging.rules import Reading, picture_tags
from booru_tagger.types import PREFIX, SUFFIX, Box, CharacterMatch, FaceResult, Tag, TagResult, Verdict

SOURCE = "review"
"""Source of a name that a person gave."""
SAME_FACE = 0.5
"""Overlap (IoU) from which the box of a verdict and one found later are of the same face."""

_OF_FACES = frozenset({"recogniser", "gallery", "implied", SOURCE, PREFIX, SUFFIX})
"""Sources of tags that are worked out anew; the last two because the policy adds them again."""

Retell: TypeAlias = Callable[[FaceResult], Reading]


@dataclass(frozen=True, slots=True)
class Band:
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


@dataclass(frozen=True, slots=True)
class Told:
    """A picture's result with the verdicts laid over it.

    ``verdicts`` are the same ones, with what the program says of those faces now. ``open`` are the faces
    that no verdict is about.
    """

    result: TagResult
    verdicts: tuple[Verdict, ...]
    open: tuple[FaceResult, ...]


def tell(result: TagResult, verdicts: Sequence[Verdict], retell: Retell, policy: Policy) -> Told:
    """Lay ``verdicts`` over what the program found.

    ``result`` has the faces that the program found and the tags that ``policy`` left. Tags that come from
    elsewhere than a face stay as they are. A verdict on a picture of another size has no effect, and stays.
    """
    holding = [verdict for verdict in verdicts if (verdict.width, verdict.height) == _size(result)]
    if not holding:
        return Told(result, tuple(verdicts), result.faces)
    found = _matched(result.faces, holding)
    meant = {id(face) for face in found if face is not None}
    open_faces = tuple(face for face in result.faces if id(face) not in meant)
    settled, said = [], []
    for verdict, face in zip(holding, found, strict=True):
        now = verdict if face is None else replace(verdict, face=face, drawn=False)
        said.append(now)
        settled += _settled(now)
    told = _with_faces(result, open_faces, settled, retell, policy)
    kept = [verdict for verdict in verdicts if verdict not in holding]
    return Told(told, (*kept, *said), open_faces)


def untold(result: TagResult, verdicts: Sequence[Verdict], retell: Retell, policy: Policy) -> TagResult:
    """What the program itself found, from a result that verdicts were laid over."""
    holding = [verdict for verdict in verdicts if (verdict.width, verdict.height) == _size(result)]
    if not holding:
        return result
    covered = {id(face) for face in _matched(result.faces, holding) if face is not None}
    open_faces = [face for face in result.faces if id(face) not in covered]
    its_own = [verdict.face for verdict in holding if not verdict.drawn]
    return _with_faces(result, open_faces, its_own, retell, policy)


def _with_faces(
    result: TagResult,
    same: Sequence[FaceResult],
    others: Sequence[FaceResult],
    retell: Retell,
    policy: Policy,
) -> TagResult:
    """The result with other faces, and tags that fit: ``same`` are in it already, ``others`` come to them."""
    kept = [_narrowed(retell(face), result, policy) for face in same]
    added = [retell(face) for face in others]
    tags = [*_unexplained(result, map(retell, result.faces), policy), *picture_tags([*kept, *added])]
    return replace(
        result,
        faces=(*same, *(reading.face for reading in added)),
        tags=policy.apply(tags),
        conflicts=tuple(conflict for reading in (*kept, *added) for conflict in reading.conflicts),
    )


def matching(box: Box, verdicts: Iterable[Verdict]) -> Verdict | None:
    """The verdict that is about the face in ``box``."""
    best = max(verdicts, key=lambda verdict: verdict.face.box.iou(box), default=None)
    return best if best is not None and best.face.box.iou(box) >= SAME_FACE else None


def _size(result: TagResult) -> tuple[int, int]:
    return result.width, result.height


def _matched(faces: Sequence[FaceResult], verdicts: Sequence[Verdict]) -> list[FaceResult | None]:
    """For each verdict the face that it is about; the best overlaps first, no face twice."""
    pairs = sorted(
        (
            (verdict.face.box.iou(face.box), row, column)
            for row, verdict in enumerate(verdicts)
            for column, face in enumerate(faces)
        ),
        key=lambda pair: (-pair[0], pair[1], pair[2]),
    )
    found: list[FaceResult | None] = [None] * len(verdicts)
    taken: set[int] = set()
    for overlap, row, column in pairs:
        if overlap >= SAME_FACE and found[row] is None and column not in taken:
            found[row] = faces[column]
            taken.add(column)
    return found


def _settled(verdict: Verdict) -> list[FaceResult]:
    """The face as the person sees it: none where it is not one."""
    if verdict.kind == "not_a_face":
        return []
    who = CharacterMatch(verdict.tag, 1.0, SOURCE) if verdict.kind == "named" else None
    return [replace(verdict.face, character=who)]


def _narrowed(reading: Reading, result: TagResult, policy: Policy) -> Reading:
    """A face that nobody judged keeps the tags that it gave before, and no more: a result does not hold all
    that the program saw of it (closed eyes, say)."""
    before = {tag.tag for tag in result.tags}
    return replace(reading, tags=tuple(tag for tag in reading.tags if _renamed(tag, policy) in before))


def _unexplained(result: TagResult, readings: Iterable[Reading], policy: Policy) -> list[Tag]:
    """Tags that come from elsewhere than the faces, or from what a result does not hold of them."""
    measured = {_renamed(tag, policy) for reading in readings for tag in reading.tags}
    return [
        tag
        for tag in result.tags
        if tag.source not in _OF_FACES and not (tag.source == "measured" and tag.tag in measured)
    ]


def _renamed(tag: Tag, policy: Policy) -> str:
    return policy.rename.get(tag.tag, tag.tag)


class Reviewer:
    """Takes part in a run: lays verdicts over results, and puts uncertain faces into the queue.

    To be used from the thread that writes. Methods raise :class:`OutputError` where the journal cannot be
    used.
    """

    def __init__(self, journal: Journal, retell: Retell, policy: Policy, band: Band | None) -> None:
        self._reviews = journal.reviews
        self._retell = retell
        self._policy = policy
        self.band = band

    def revise(self, picture: Path, result: TagResult) -> TagResult:
        """The result of a run as people see it."""
        verdicts = self._reviews.verdicts(picture)
        if not verdicts:
            return result
        told = tell(result, verdicts, self._retell, self._policy)
        if told.verdicts != verdicts:
            self._reviews.refresh(picture, told.verdicts)
        return told.result

    def note(self, picture: Path, result: TagResult) -> int:
        """Put the picture into the queue, or take it out; the number of its faces that wait."""
        verdicts = self._reviews.verdicts(picture)
        waiting = sum(self.is_open(face, verdicts) for face in result.faces)
        self._reviews.wait(picture, waiting)
        return waiting

    def is_open(self, face: FaceResult, verdicts: Sequence[Verdict]) -> bool:
        """Whether the face waits for a person."""
        return self.band is not None and self.band.holds(face) and matching(face.box, verdicts) is None
