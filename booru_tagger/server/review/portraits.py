"""A picture of each character, to be shown beside its name."""

from __future__ import annotations

import threading
from pathlib import Path

from PIL import Image

from booru_tagger.drawing.contact_sheet import cut_face
from booru_tagger.errors import BooruTaggerError
from booru_tagger.imaging import Floats, decode_picture, read_file
from booru_tagger.models.gallery import Enrolled
from booru_tagger.models.gallery.matching import prototype
from booru_tagger.review.face_cache import EXPAND, SIDE, jpeg_of
from booru_tagger.server.review.details import samples
from booru_tagger.server.review.images import FaceImages
from booru_tagger.server.review.session import ReviewSession
from booru_tagger.tagging.tagger import Tagger

NOBODY = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40" fill="#8a8494" fill-opacity=".35">
<circle cx="20" cy="16" r="8"/><path d="M5 40c0-10 7-14 15-14s15 4 15 14z"/></svg>"""
"""What is shown of a character of whom there is no picture: an outline that suits light and dark."""
TRIES = 3
"""Pictures that somebody was enrolled from which are looked at for the face."""
_SAME = 0.9
"""Similarity from which a face is the very one that was enrolled: a path may lead to another picture now."""


class Portraits:
    """Finds a face of a character: in the session's pictures, or else in those that it was enrolled from.

    May be used from any thread.
    """

    def __init__(self, session: ReviewSession, images: FaceImages) -> None:
        self._session, self._images = session, images
        self._lock = threading.Lock()
        self._enrolled: dict[tuple[str, int], bytes | None] = {}

    def of(self, tag: str) -> bytes | None:
        """A JPEG file; ``None`` where there is no picture of the character, or none that can be read."""
        if not tag:  # the name of nobody
            return None
        with self._session.lock:
            heads = samples(self._session, [tag])[tag]
        for head in heads:
            try:
                return self._images.thumbnail(head.id)
            except (BooruTaggerError, KeyError):  # gone meanwhile
                continue
        tagger = self._session.tools.tagger
        enrolled = tagger.gallery.find(tag) if tagger.gallery else None
        if enrolled is None:
            return None
        key = tag, len(enrolled.faces)
        with self._lock:  # one at a time: the page asks for several, and each may take a detector's run
            if key not in self._enrolled:
                self._enrolled[key] = _enrolled_face(enrolled, tagger)
            return self._enrolled[key]


def _enrolled_face(enrolled: Enrolled, tagger: Tagger) -> bytes | None:
    """The character's most typical face whose picture is still where it was."""
    likeness = enrolled.faces @ prototype(enrolled.faces)
    tries = 0
    for row in (-likeness).argsort(kind="stable").tolist():
        path = Path(enrolled.pictures[row]) if row < len(enrolled.pictures) else Path()
        if not path.is_file():  # gone, or never known: a pack has no paths
            continue
        tries += 1
        try:
            face = _face_like(enrolled.faces[row], path, tagger)
        except BooruTaggerError:
            face = None
        if face is not None or tries == TRIES:
            return face
    return None


def _face_like(embedding: Floats, path: Path, tagger: Tagger) -> bytes | None:
    data = read_file(path, tagger.options.limits)
    look = tagger.networks.look_at_faces(data, str(path))
    found = [
        (float(answer.embedding @ embedding), face.box)
        for face, answer in zip(look.faces, look.answers, strict=True)
        if answer.embedding is not None
    ]
    near, box = max(found, default=(0.0, None))
    if box is None or near < _SAME:
        return None
    picture = decode_picture(data, str(path), limits=tagger.options.limits)
    return jpeg_of(Image.fromarray(cut_face(picture, box, SIDE, EXPAND)))
