"""What people named becomes what the program knows: enrolment from a review."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from booru_tagger.enrol import NamedFace, doubts_about, edit, fitting, learning, read
from booru_tagger.errors import BooruTaggerError, DataError
from booru_tagger.models.gallery import Gallery
from booru_tagger.server.review.images import FaceImages
from booru_tagger.server.review.session import ReviewSession
from booru_tagger.server.review.values import ReviewFace


def teachable(session: ReviewSession) -> dict[str, list[ReviewFace]]:
    """Named faces of characters that the model was not trained on, by name."""
    trained = session.trained
    found: defaultdict[str, list[ReviewFace]] = defaultdict(list)
    with session.lock:
        for head in session.heads.values():
            named = head.verdict is not None and head.verdict.kind == "named"
            if named and head.listed and head.name not in trained:
                found[head.name].append(head)
    return dict(found)


def teach(
    session: ReviewSession, images: FaceImages, tags: Sequence[str] | None = None, *, confirmed: bool
) -> dict[str, Any]:
    """Enrol those characters, or the ``tags`` among them; says how many faces of each were added.

    Where there is a ``warning`` and nobody has ``confirmed`` it, nothing is. Raises :class:`DataError` where
    there is nothing to learn or no gallery to learn it to, and what :func:`booru_tagger.enrol.edit` raises.
    """
    path, tagger = session.tools.gallery, session.tools.tagger
    if path is None:
        raise DataError("there is no gallery to enrol characters in (--no-gallery)")
    chosen = {tag: heads for tag, heads in teachable(session).items() if tags is None or tag in tags}
    named = {tag: seen for tag, heads in chosen.items() if (seen := _seen(heads, images))}
    if not named:
        raise DataError("no face of a character that is new to the model has been named yet")
    empty = Gallery(tagger.bundle.recogniser_sha256 or "", model=tagger.model)
    before = fitting(read(path), empty)
    warnings = [] if confirmed else doubts_about(named, tagger, before)
    if warnings:
        return {"gallery": str(path), "characters": {}, "warning": "\n".join(warnings)}
    learn = learning(named, empty)

    def change(gallery: Gallery | None) -> Gallery:
        nonlocal before
        before = fitting(gallery, empty)
        return learn(gallery)

    after = edit(path, change)
    return {
        "gallery": str(path),
        "characters": {tag: _faces_of(tag, after) - _faces_of(tag, before) for tag in named},
        "warning": "",
    }


def _faces_of(tag: str, gallery: Gallery) -> int:
    enrolled = gallery.find(tag)
    return len(enrolled.faces) if enrolled is not None else 0


def _seen(heads: list[ReviewFace], images: FaceImages) -> list[NamedFace]:
    seen = []
    for head in heads:
        if head.embedding is None:
            try:
                images.cut(head.picture)
            except (BooruTaggerError, KeyError):  # gone or unreadable meanwhile: learn from the others
                continue
        if head.embedding is not None:
            seen.append(NamedFace(head.embedding, head.face, os.fspath(head.picture.path)))
    return seen
