"""A review session: the faces in it, what is said of them, and how that reaches the files."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from booru_tagger.errors import BooruTaggerError, DataError
from booru_tagger.imaging import Floats, read_picture
from booru_tagger.journal import Journal, JournalEntry, RawResult
from booru_tagger.journal.reviews import TaggedPicture
from booru_tagger.review.similarity import EmbeddingIndex
from booru_tagger.review.verdicts import (
    SAME_FACE,
    JournalReviewer,
    all_faces,
    matching,
    overlay,
    with_written_names,
)
from booru_tagger.runner import rewrite
from booru_tagger.server.review.values import ReviewChanges, ReviewFace, ReviewPicture, Wrote
from booru_tagger.tagging.policy import Policy
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import Box, TagResult, Verdict, VerdictKind
from booru_tagger.vocab import tag_named
from booru_tagger.writers.base import Writer
from booru_tagger.writers.naming import WriterOptions

MAX_UNDO = 1_000
MIN_BOX = 4.0
"""Pixels of a drawn box's side at least; less is a slip of the hand."""


@dataclass(frozen=True, slots=True)
class ReviewTools:
    """What a session works with. ``writers`` serve pictures for which nothing was written yet."""

    journal: Journal
    tagger: Tagger
    policy: Policy
    reviewer: JournalReviewer
    options: WriterOptions
    writers: Sequence[Writer] = ()
    gallery: Path | None = None


@dataclass(frozen=True, slots=True)
class _PictureBefore:
    """How a picture was before a step."""

    picture: ReviewPicture
    verdicts: tuple[Verdict, ...]


class ReviewSession:
    """The faces of some pictures, and what a person does with them. May be used from any thread."""

    def __init__(self, tools: ReviewTools) -> None:
        self.tools = tools
        self.heads: dict[int, ReviewFace] = {}
        self.pictures: dict[int, ReviewPicture] = {}
        self.lock = threading.RLock()
        self.embeddings = EmbeddingIndex()
        self._by_path: dict[Path, ReviewPicture] = {}
        self._steps: list[list[_PictureBefore]] = []
        self._next = 1

    def add(self, tagged: Iterable[TaggedPicture], *, listed: bool = True) -> None:
        """Take in pictures that were tagged; those known already are passed over."""
        for one in tagged:
            with self.lock:
                if one.picture not in self._by_path and (one.found.faces or one.verdicts):
                    found = with_written_names(one, self.tools.tagger.retell)
                    picture = ReviewPicture(self._id(), one.picture, found, one.verdicts, listed)
                    self.pictures[picture.id] = self._by_path[one.picture] = picture
                    self._seat(picture)

    def _id(self) -> int:
        self._next += 1
        return self._next - 1

    def _seat(self, picture: ReviewPicture) -> tuple[list[ReviewFace], list[int]]:
        """Bring the heads of a picture up to date: those there now, and the ids of those gone."""
        old = [self.heads.pop(number) for number in picture.faces]
        picture.faces = []
        drawn = [verdict.face for verdict in picture.verdicts if verdict.drawn]
        for face in all_faces(picture.found, picture.verdicts):
            same = next((head for head in old if head.box.iou(face.box) >= SAME_FACE), None)
            head = same or ReviewFace(self._id(), picture, face)
            if same is not None:
                old.remove(same)
            head.face, head.drawn = face, face in drawn
            head.verdict = matching(face, picture.verdicts)
            head.waits = self.tools.reviewer.is_open(face, picture.verdicts)
            self.heads[head.id] = head
            picture.faces.append(head.id)
        return [self.heads[number] for number in picture.faces], [head.id for head in old]

    def head(self, number: int) -> ReviewFace:
        """Raises KeyError."""
        return self.heads[number]

    def embed(self, head: ReviewFace, embedding: Floats | None) -> None:
        """Note what a face looks like."""
        if embedding is not None and head.embedding is None:
            with self.lock:
                head.embedding = embedding
                self.embeddings.put(head.id, embedding)

    @property
    def steps(self) -> int:
        """How many steps can be undone."""
        return len(self._steps)

    @property
    def waiting(self) -> int:
        """Faces under review that wait for somebody to look at them; those that only serve to compare with do
        not count."""
        with self.lock:
            return sum(head.waits and head.listed for head in self.heads.values())

    @property
    def trained(self) -> frozenset[str]:
        """The characters that the model was trained on: these are not enrolled."""
        return frozenset(label.tag for label in self.tools.tagger.bundle.labels)

    def names(self) -> dict[str, str]:
        """Every name that a face could get by typing, with its series: what model and gallery know, and what
        people said."""
        series = {label.tag: label.series for label in self.tools.tagger.known}
        with self.lock:
            said = {head.name: "" for head in self.heads.values() if head.name}
        return dict(sorted((said | series).items()))

    def use(self, tagger: Tagger) -> None:
        """Work with another tagger from now on: one of the same model that knows other characters."""
        self.tools = replace(self.tools, tagger=tagger)

    def renew(self, picture: ReviewPicture, raw: RawResult) -> ReviewChanges:
        """Take in what was found in a picture now; what people said of it stays."""
        with self.lock:
            return self._change(picture, picture.verdicts, raw)

    def decide(self, numbers: Sequence[int], kind: VerdictKind, tag: str = "") -> ReviewChanges:
        """Say the same of these faces. What cannot be written is among the failures, and not remembered.

        Raises KeyError for a face that is not there, and :class:`DataError` for an invalid name.
        """
        tag = _checked(tag) if kind == "named" else ""
        with self.lock:
            by_picture: dict[int, list[ReviewFace]] = {}
            for head in [self.heads[number] for number in dict.fromkeys(numbers)]:
                by_picture.setdefault(head.picture.id, []).append(head)
            return self._step(
                (self.pictures[number], partial(_judged, heads=heads, kind=kind, tag=tag))
                for number, heads in by_picture.items()
            )

    def clear(self, number: int) -> ReviewChanges:
        """Take back what was said of a face, however long ago; a drawn one is gone then."""
        with self.lock:
            head = self.heads[number]
            return self._step([(head.picture, lambda old: [one for one in old if one != head.verdict])])

    def draw(self, number: int, box: Box) -> ReviewChanges:
        """Add a face that the program did not find, as one that nobody knows yet.

        ``box`` is in pixels of the upright picture. Raises KeyError, :class:`DataError` for a box that is
        none, and a subclass of :class:`ImageError`.
        """
        picture = self.pictures[number]
        box = _inside(box, picture.found)
        if any(self.heads[other].box.iou(box) >= SAME_FACE for other in picture.faces):
            raise DataError("there is a face in this place already")
        decoded = read_picture(picture.path, limits=self.tools.tagger.options.limits)
        face = self.tools.tagger.read_face(decoded, box).face
        verdict = Verdict(
            "unknown", "", replace(face, character=None), *_size(picture.found), True, time.time()
        )
        with self.lock:
            return self._step([(picture, lambda old: [*old, verdict])])

    def _step(
        self, work: Iterable[tuple[ReviewPicture, Callable[[tuple[Verdict, ...]], list[Verdict]]]]
    ) -> ReviewChanges:
        before: list[_PictureBefore] = []
        parts: list[ReviewChanges] = []
        for picture, judge in work:
            was = _PictureBefore(picture, picture.verdicts)
            parts.append(self._change(picture, tuple(judge(picture.verdicts))))
            if not parts[-1].failures:
                before.append(was)
        if before:
            self._steps = [*self._steps, before][-MAX_UNDO:]
        return ReviewChanges.joined(parts)

    def _change(
        self, picture: ReviewPicture, verdicts: tuple[Verdict, ...], raw: RawResult | None = None
    ) -> ReviewChanges:
        try:
            wrote = self._write(picture, verdicts, raw)
        except BooruTaggerError as error:
            return ReviewChanges(failures=(str(error),))
        there, gone = self._seat(picture)
        return ReviewChanges(tuple(there), tuple(gone), wrote=(wrote,))

    def _write(self, picture: ReviewPicture, verdicts: tuple[Verdict, ...], raw: RawResult | None) -> Wrote:
        """Remember the verdicts and write the picture's files anew, of ``raw`` or else what is known of it.

        Raises BooruTaggerError, and then nothing is remembered.
        """
        journal = self.tools.journal
        entry = journal.entry(picture.path) if journal.is_unchanged(picture.path) else None
        if entry is None or entry.result is None:
            raise DataError(f"{picture.path}: has changed since it was tagged; tag it again first")
        old = journal.reviews.verdicts(picture.path)
        raw = raw or self._raw(picture.path, entry)
        found = self.tools.reviewer.named(picture.path, raw.result)
        overlaid = overlay(found, verdicts, self.tools.tagger.retell)
        result = self.tools.policy.applied(overlaid.result)
        self.tools.reviewer.decide(picture.path, found, overlaid.verdicts)
        kept = rewrite(entry, picture.path, result, raw, journal, self.tools.options, self.tools.writers)
        if kept.failures:
            self.tools.reviewer.decide(picture.path, found, old)
            raise kept.failures[0]
        picture.found, picture.verdicts = found, overlaid.verdicts
        was, now = ([tag.tag for tag in one.tags] for one in (entry.result, result))
        return Wrote(
            tuple(kept.changed),
            tuple(tag for tag in now if tag not in was),
            tuple(tag for tag in was if tag not in now),
        )

    def _raw(self, picture: Path, entry: JournalEntry) -> RawResult:
        """What the tagger gave. Where an earlier version kept only what it wrote, it is found once more."""
        if entry.raw is not None:
            return entry.raw._replace(result=replace(entry.raw.result, path=str(picture)))
        return RawResult(self.tools.tagger.tag(picture), self.tools.tagger.fingerprint)

    def undo(self) -> ReviewChanges:
        """Take back the last step as a whole; nothing where there is none."""
        with self.lock:
            step = self._steps.pop() if self._steps else []
            return ReviewChanges.joined(self._change(before.picture, before.verdicts) for before in step)


def _judged(
    old: Sequence[Verdict], heads: Sequence[ReviewFace], kind: VerdictKind, tag: str
) -> list[Verdict]:
    kept = [verdict for verdict in old if all(verdict != head.verdict for head in heads)]
    now = time.time()
    said = [
        Verdict(kind, tag, head.face, *_size(head.picture.found), head.drawn, now)
        for head in heads
        if not (head.drawn and kind == "not_a_face")  # a box that a person drew is simply gone
    ]
    return [*kept, *said]


def _size(result: TagResult) -> tuple[int, int]:
    return result.width, result.height


def _checked(text: str) -> str:
    try:
        return tag_named(text)
    except ValueError as error:
        raise DataError(str(error)) from error


def _inside(box: Box, result: TagResult) -> Box:
    """The part of a drawn box that lies in the picture. Raises :class:`DataError` where that is nothing."""
    x0, x1 = sorted((box.x0, box.x1))
    y0, y1 = sorted((box.y0, box.y1))
    inside = Box(max(0.0, x0), max(0.0, y0), min(float(result.width), x1), min(float(result.height), y1))
    if not (inside.width >= MIN_BOX and inside.height >= MIN_BOX):  # not so for NaN either
        raise DataError("the box is too small, or lies outside of the picture")
    return inside
