"""The pictures of a review session as JPEG files. Only faces and pictures of the session have numbers."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from PIL import Image

from booru_tagger.drawing.contact_sheet import cut_face, longest_needed
from booru_tagger.errors import BooruTaggerError
from booru_tagger.moving import read_frame, shown_at
from booru_tagger.review.face_cache import EXPAND, Cutout, FaceCache, jpeg_of
from booru_tagger.server.review.session import ReviewSession
from booru_tagger.server.review.values import ReviewFace, ReviewPicture

LARGE = 512
"""Side of the enlarged face in pixels."""
SCREEN = 1_600
"""Longest side of a picture as it is shown."""
_KEPT = 48
"""Encoded pictures kept at hand: going back and forth must not decode again."""


_BREATH_SECONDS = 0.001
"""Rest between two pictures in the background, so that whoever waits for an answer comes first."""


class FaceImages:
    """Makes and keeps what the page shows. May be used from any thread."""

    def __init__(self, session: ReviewSession, face_cache: FaceCache) -> None:
        self._session = session
        self._face_cache = face_cache
        self._limits = session.tools.tagger.options.limits
        self._turns = [threading.Lock() for _ in range(64)]
        self._recent: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._recent_lock = threading.Lock()

    def thumbnail(self, number: int) -> bytes:
        """Raises KeyError and a subclass of :class:`ImageError`."""
        head = self._session.head(number)
        return self.cut(head.picture)[head.id].jpeg

    def cut(self, picture: ReviewPicture) -> dict[int, Cutout]:
        """The cut-outs of all faces of a picture, by their numbers; the faces get their embeddings."""
        with self._turns[
            picture.id % len(self._turns)
        ]:  # the page asks for several faces of one picture at once
            heads = [self._session.head(number) for number in list(picture.faces)]
            found = self._face_cache.find(picture.path, [head.box for head in heads])
            if found is None:
                found = self._face_cache.make(picture.path, picture.found, [head.face for head in heads])
        for head, cutout in zip(heads, found, strict=True):
            self._session.embed(head, cutout.embedding)
        return {head.id: cutout for head, cutout in zip(heads, found, strict=True)}

    def large(self, number: int) -> bytes:
        """The face, enlarged. Raises as :meth:`thumbnail` does."""
        return self._kept("face", number, lambda: self._large(self._session.head(number)))

    def _large(self, head: ReviewFace) -> bytes:
        longest = longest_needed(head.picture.found, [head.face], LARGE, EXPAND)
        decoded = read_frame(head.picture.path, head.face.at, longest=longest, limits=self._limits)
        return jpeg_of(Image.fromarray(cut_face(decoded, head.box, LARGE, EXPAND)), quality=88)

    def whole(self, number: int) -> bytes:
        """The whole picture, upright, no larger than a screen. Raises as :meth:`thumbnail` does."""
        return self._kept("picture", number, lambda: self._whole(self._session.pictures[number]))

    def _whole(self, picture: ReviewPicture) -> bytes:
        decoded = read_frame(picture.path, shown_at(picture.found), longest=SCREEN, limits=self._limits)
        image = Image.fromarray(decoded.pixels)
        image.thumbnail((SCREEN, SCREEN), Image.Resampling.LANCZOS, reducing_gap=2.0)
        return jpeg_of(image, quality=86)

    def _kept(self, kind: str, number: int, make: Callable[[], bytes]) -> bytes:
        key = kind, number
        with self._recent_lock:
            if key in self._recent:
                self._recent.move_to_end(key)
                return self._recent[key]
        data = make()
        with self._recent_lock:
            self._recent[key] = data
            while len(self._recent) > _KEPT:
                self._recent.popitem(last=False)
        return data


class CacheWarmer:
    """Cuts out the faces of a session in the background, those that wait first."""

    def __init__(self, session: ReviewSession, images: FaceImages, more: Callable[[], None]) -> None:
        self._session = session
        self._images = images
        self._more = more
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="review-warming", daemon=True)
        self.done = 0
        self.total = 0
        self.failures: dict[int, str] = {}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        with self._session.lock:
            pictures = [picture for picture in self._session.pictures.values() if picture.listed]
            waiting = {head.picture.id for head in self._session.heads.values() if head.waits}
        pictures.sort(key=lambda picture: picture.id not in waiting)
        self.total = len(pictures)
        for picture in pictures:
            if self._stop.wait(_BREATH_SECONDS):
                return
            try:
                self._images.cut(picture)
            except (BooruTaggerError, KeyError) as error:  # KeyError: a face that was taken back meanwhile
                self.failures[picture.id] = str(error)
            self.done += 1
        if not self._stop.is_set():
            self._more()
