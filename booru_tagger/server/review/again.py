"""Tagging again with who was just enrolled: pictures in which somebody without a name may be that one."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from booru_tagger.enrol.enrolling import SAME_PERSON
from booru_tagger.errors import BooruTaggerError, DataError
from booru_tagger.imaging import Floats
from booru_tagger.journal import RawResult
from booru_tagger.models.gallery import Gallery
from booru_tagger.server.review.session import ReviewSession
from booru_tagger.server.review.values import ReviewPicture
from booru_tagger.tagging.tagger import Tagger


class SecondLook:
    """Tags pictures of a session again in the background, with the gallery as it is then.

    Only those are looked at in which a face that has no name is like one of the characters that were asked
    for; what people said stays. Asked while it works, it begins anew. May be used from any thread.
    """

    def __init__(self, session: ReviewSession) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._wanted: set[str] = set()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._running = False
        self.done = self.total = self.named = 0
        self.failures: list[str] = []

    def start(self, tags: Collection[str]) -> None:
        """Look for these characters. Raises :class:`DataError` where there is no gallery."""
        if self._session.tools.gallery is None:
            raise DataError("there is no gallery with characters to look for (--no-gallery)")
        with self._lock:
            self._wanted |= set(tags)
            if not self._running:
                self._running = True
                self.done = self.total = self.named = 0
                self.failures = []
                self._thread = threading.Thread(target=self._run, name="second-look", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def to_json(self) -> dict[str, Any]:
        with self._lock:
            return {
                "running": self._running,
                "done": self.done,
                "total": self.total,
                "named": self.named,
                "failures": self.failures[:3],
            }

    def _run(self) -> None:
        sought: set[str] = set()
        while not self._stop.is_set():
            with self._lock:
                if not self._wanted:
                    self._running = False
                    return
                sought |= self._wanted
                self._wanted.clear()
            try:
                self._look(sought)
            except BooruTaggerError as error:  # the gallery, not one picture
                self._note(failure=str(error))

    def _look(self, sought: Collection[str]) -> None:
        tools = self._session.tools
        tagger = Tagger(replace(tools.tagger.options, gallery=tools.gallery))
        self._session.use(tagger)
        pictures = _with_somebody_like(self._session, tagger, sought)
        with self._lock:
            self.done, self.total = 0, len(pictures)
        for picture in pictures:
            if self._stop.is_set() or self._wanted:
                return
            self._look_at(picture, tagger)

    def _look_at(self, picture: ReviewPicture, tagger: Tagger) -> None:
        with self._session.lock:
            before = sum(bool(self._session.heads[number].name) for number in picture.faces)
        try:
            raw = RawResult(tagger.tag(picture.path), tagger.fingerprint)
        except BooruTaggerError as error:
            self._note(failure=str(error))
            return
        changes = self._session.renew(picture, raw)
        after = sum(bool(head.name) for head in changes.heads)
        self._note(max(0, after - before), *changes.failures[:1])

    def _note(self, named: int = 0, failure: str = "") -> None:
        with self._lock:
            self.done += 1
            self.named += named
            self.failures += [failure] if failure else []


def _with_somebody_like(
    session: ReviewSession, tagger: Tagger, sought: Collection[str]
) -> list[ReviewPicture]:
    """The pictures with a face that has no name, was not judged, and may be one of these characters."""
    known = _faces_of(tagger.gallery, sought)
    if known is None:
        return []
    identity = tagger.networks.identity
    bound = SAME_PERSON if identity is None else identity.spec.same_person
    found: dict[int, ReviewPicture] = {}
    with session.lock:
        for head in session.heads.values():
            if not head.listed or head.verdict is not None or head.name:
                continue
            if head.embedding is None or float((known @ head.embedding).max()) >= bound:
                found[head.picture.id] = head.picture
    return list(found.values())


def _faces_of(gallery: Gallery | None, tags: Collection[str]) -> Floats | None:
    faces: Sequence[Floats] = [one.faces for one in gallery or () if one.label.tag in tags]
    return np.concatenate(faces) if faces else None
