"""A review session: the faces in it, what is said of them, and how that reaches the files."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from booru_tagger.errors import BooruTaggerError, DataError
from booru_tagger.imaging import Floats, read_picture
from booru_tagger.journal import Entry, Journal, Raw
from booru_tagger.journal.reviews import Tagged
from booru_tagger.review.similarity import Shelf
from booru_tagger.review.verdicts import SAME_FACE, Reviewer, all_faces, matching, overlay
from booru_tagger.runner import rewrite
from booru_tagger.server.review.values import Head, Shot
from booru_tagger.tagging.policy import Policy
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import Box, TagResult, Verdict, VerdictKind
from booru_tagger.vocab import tag_named
from booru_tagger.writers.base import Writer
from booru_tagger.writers.naming import WriterOptions

MOST_UNDO = 1_000
LEAST_BOX = 4.0
"""Pixels of a drawn box's side at least; less is a slip of the hand."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a session works with. ``writers`` serve pictures for which nothing was written yet."""

    journal: Journal
    tagger: Tagger
    policy: Policy
    reviewer: Reviewer
    options: WriterOptions
    writers: Sequence[Writer] = ()
    gallery: Path | None = None


@dataclass(frozen=True, slots=True)
class _Before:
    """How a picture was before a step."""

    shot: Shot
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a step changed: faces as they are now, faces that are gone, and what went wrong."""

    heads: tuple[Head, ...] = ()
    gone: tuple[int, ...] = ()
    failures: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "faces": [head.to_json() for head in self.heads],
            "gone": list(self.gone),
            "failures": list(self.failures),
        }


class Session:
    """The faces of some pictures, and what a person does with them. May be used from any thread."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.heads: dict[int, Head] = {}
        self.shots: dict[int, Shot] = {}
        self.lock = threading.RLock()
        self.shelf = Shelf()
        self._by_path: dict[Path, Shot] = {}
        self._steps: list[list[_Before]] = []
        self._next = 1

    def add(self, tagged: Iterable[Tagged], *, listed: bool = True) -> None:
        """Take in pictures that were tagged; those known already are passed over."""
        for one in tagged:
            with self.lock:
                if one.picture not in self._by_path and (one.found.faces or one.verdicts):
                    shot = Shot(self._id(), one.picture, one.found, one.verdicts, listed)
                    self.shots[shot.id] = self._by_path[one.picture] = shot
                    self._seat(shot)

    def _id(self) -> int:
        self._next += 1
        return self._next - 1

    def _seat(self, shot: Shot) -> tuple[list[Head], list[int]]:
        """Bring the heads of a picture up to date: those there now, and the ids of those gone."""
        old = [self.heads.pop(number) for number in shot.faces]
        shot.faces = []
        drawn = [verdict.face for verdict in shot.verdicts if verdict.drawn]
        for face in all_faces(shot.found, shot.verdicts):
            same = next((head for head in old if head.box.iou(face.box) >= SAME_FACE), None)
            head = same or Head(self._id(), shot, face)
            if same is not None:
                old.remove(same)
            head.face, head.drawn = face, face in drawn
            head.verdict = matching(face.box, shot.verdicts)
            head.waits = self.tools.reviewer.is_open(face, shot.verdicts)
            self.heads[head.id] = head
            shot.faces.append(head.id)
        return [self.heads[number] for number in shot.faces], [head.id for head in old]

    def head(self, number: int) -> Head:
        """Raises KeyError."""
        return self.heads[number]

    def embed(self, head: Head, embedding: Floats | None) -> None:
        """Note what a face looks like."""
        if embedding is not None and head.embedding is None:
            with self.lock:
                head.embedding = embedding
                self.shelf.put(head.id, embedding)

    @property
    def steps(self) -> int:
        """How many steps can be undone."""
        return len(self._steps)

    def names(self) -> list[str]:
        """Every name that a face could get by typing: what model and gallery know, and people said."""
        known = {label.tag for label in self.tools.tagger.known}
        with self.lock:
            said = {head.name for head in self.heads.values() if head.name}
        return sorted(known | said)

    def decide(self, numbers: Sequence[int], kind: VerdictKind, tag: str = "") -> Changes:
        """Say the same of these faces. What cannot be written is among the failures, and not remembered.

        Raises KeyError for a face that is not there, and :class:`DataError` for a name that is none.
        """
        tag = _checked(tag) if kind == "named" else ""
        with self.lock:
            by_shot: dict[int, list[Head]] = {}
            for head in [self.heads[number] for number in dict.fromkeys(numbers)]:
                by_shot.setdefault(head.shot.id, []).append(head)
            return self._step(
                (self.shots[number], partial(_judged, heads=heads, kind=kind, tag=tag))
                for number, heads in by_shot.items()
            )

    def clear(self, number: int) -> Changes:
        """Take back what was said of a face, however long ago; a drawn one is gone then."""
        with self.lock:
            head = self.heads[number]
            return self._step([(head.shot, lambda old: [one for one in old if one != head.verdict])])

    def draw(self, number: int, box: Box) -> Changes:
        """Add a face that the program did not find, as one that nobody knows yet.

        ``box`` is in pixels of the upright picture. Raises KeyError, :class:`DataError` for a box that is
        none, and a subclass of :class:`ImageError`.
        """
        shot = self.shots[number]
        box = _inside(box, shot.found)
        if any(self.heads[other].box.iou(box) >= SAME_FACE for other in shot.faces):
            raise DataError("there is a face in this place already")
        decoded = read_picture(shot.path, limits=self.tools.tagger.options.limits)
        face = self.tools.tagger.read_face(decoded, box).face
        verdict = Verdict("unknown", "", replace(face, character=None), *_size(shot.found), True, time.time())
        with self.lock:
            return self._step([(shot, lambda old: [*old, verdict])])

    def _step(self, work: Iterable[tuple[Shot, Callable[[tuple[Verdict, ...]], list[Verdict]]]]) -> Changes:
        before: list[_Before] = []
        heads: list[Head] = []
        gone: list[int] = []
        failures: list[str] = []
        for shot, judge in work:
            was = _Before(shot, shot.verdicts)
            try:
                self._write(shot, tuple(judge(shot.verdicts)))
            except BooruTaggerError as error:
                failures.append(str(error))
                continue
            before.append(was)
            there, left = self._seat(shot)
            heads += there
            gone += left
        if before:
            self._steps = [*self._steps, before][-MOST_UNDO:]
        return Changes(tuple(heads), tuple(gone), tuple(failures))

    def _write(self, shot: Shot, verdicts: tuple[Verdict, ...]) -> None:
        """Remember the verdicts and write the picture's files anew. Raises BooruTaggerError, and then
        nothing is remembered."""
        journal = self.tools.journal
        entry = journal.entry(shot.path) if journal.is_unchanged(shot.path) else None
        if entry is None or entry.result is None:
            raise DataError(f"{shot.path}: is not as it was when it was tagged; tag it again first")
        old = journal.reviews.verdicts(shot.path)
        raw = self._raw(shot.path, entry)
        overlaid = overlay(raw.result, verdicts, self.tools.tagger.retell)
        result = self.tools.policy.applied(overlaid.result)
        journal.reviews.decide(shot.path, overlaid.verdicts)
        kept = rewrite(entry, shot.path, result, raw, journal, self.tools.options, self.tools.writers)
        if kept.failures:
            journal.reviews.decide(shot.path, old)
            raise kept.failures[0]
        self.tools.reviewer.note(shot.path, raw.result)
        shot.found, shot.verdicts = raw.result, overlaid.verdicts

    def _raw(self, picture: Path, entry: Entry) -> Raw:
        """What the tagger gave. Where an earlier version kept only what it wrote, it is found once more."""
        if entry.raw is not None:
            return replace(entry.raw, result=replace(entry.raw.result, path=str(picture)))
        return Raw(self.tools.tagger.tag(picture), self.tools.tagger.fingerprint)

    def undo(self) -> Changes:
        """Take back the last step as a whole; nothing where there is none."""
        with self.lock:
            step = self._steps.pop() if self._steps else []
            heads: list[Head] = []
            gone: list[int] = []
            failures: list[str] = []
            for before in step:
                try:
                    self._write(before.shot, before.verdicts)
                except BooruTaggerError as error:
                    failures.append(str(error))
                    continue
                there, left = self._seat(before.shot)
                heads += there
                gone += left
            return Changes(tuple(heads), tuple(gone), tuple(failures))


def _judged(old: Sequence[Verdict], heads: Sequence[Head], kind: VerdictKind, tag: str) -> list[Verdict]:
    kept = [verdict for verdict in old if all(verdict != head.verdict for head in heads)]
    now = time.time()
    said = [
        Verdict(kind, tag, head.face, *_size(head.shot.found), head.drawn, now)
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
    if not (inside.width >= LEAST_BOX and inside.height >= LEAST_BOX):  # not so for NaN either
        raise DataError("the box is too small, or lies outside of the picture")
    return inside
