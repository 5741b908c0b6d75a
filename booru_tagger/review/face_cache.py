"""Faces cut out of their pictures, each with its embedding: made once, kept in the user's cache folder.

The cache can be lost or deleted at any time: it is then made again from the pictures.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from booru_tagger.drawing.contact_sheet import cut_face, longest_needed
from booru_tagger.files.cache import open_cache
from booru_tagger.files.user_folders import user_folder
from booru_tagger.imaging import Floats, Picture, square_around
from booru_tagger.moving import read_frames
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import Box, FaceResult, TagResult

SIDE = 160
"""Side of a cut-out in pixels: sharp at 80 on a screen of double density."""
EXPAND = 1.35
"""Side of what is shown, in longer sides of the head box: the hair belongs to who it is."""
_QUALITY = 82
_FORMAT = 1
_DAY = 86_400


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """A face as a JPEG file, and its embedding (a unit vector), where the model gives one."""

    jpeg: bytes
    embedding: Floats | None


def default_path() -> Path:
    return user_folder("cache") / "faces.sqlite3"


class FaceCache:
    """Cut-outs by picture and box. May be used from any thread.

    Embeddings are of ``tagger``'s recogniser; another model's are made anew. ``bundle``: what they are of.
    """

    def __init__(self, path: Path, tagger: Tagger) -> None:
        self._tagger = tagger
        self.bundle = tagger.bundle
        self._space = f"{_FORMAT}:{tagger.bundle.recogniser_sha256}".encode()
        self._lock = threading.Lock()
        self._connection = open_cache(path, "cutouts", "jpeg BLOB NOT NULL, embedding BLOB")

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def find(self, picture: Path, boxes: Sequence[Box]) -> list[Cutout] | None:
        """The cut-outs of these faces; ``None`` unless all of them are there, of the picture as it is now."""
        keys = self._keys(picture, boxes)
        if keys is None:
            return None
        found = []
        for key in keys:
            with self._lock:
                row = self._connection.execute(
                    "SELECT jpeg, embedding FROM cutouts WHERE key = ?", (key,)
                ).fetchone()
            if row is None:
                return None
            found.append(Cutout(row[0], None if row[1] is None else np.frombuffer(row[1], "<f4")))
        return found

    def make(self, picture: Path, result: TagResult, faces: Sequence[FaceResult]) -> list[Cutout]:
        """Cut the faces out of the picture and keep them. Raises a subclass of :class:`ImageError`."""
        if not faces:
            return []
        keys = self._keys(picture, [face.box for face in faces])  # before it is read: it may be replaced
        spec = self._tagger.bundle.recogniser
        sides = [longest_needed(result, faces, SIDE, EXPAND)]
        if spec is not None:
            sides.append(longest_needed(result, faces, spec.size, min(view.expand for view in spec.views)))
        limits, times = self._tagger.options.limits, [face.at for face in faces]
        made: dict[int, Cutout] = {}
        for at, decoded in read_frames(picture, times, longest=max(sides), limits=limits):
            rows = [row for row, face in enumerate(faces) if face.at == at]
            made.update(zip(rows, self._cut(decoded, [faces[row].box for row in rows]), strict=True))
        cutouts = [made[row] for row in range(len(faces))]
        if keys is not None:
            self._keep(keys, cutouts)
        return cutouts

    def _cut(self, decoded: Picture, boxes: Sequence[Box]) -> list[Cutout]:
        spec = self._tagger.bundle.recogniser
        heads = list(boxes)
        if (
            spec is not None and self._tagger.options.crops
        ):  # there a box is the crop, which shows more than the head
            heads = [square_around(box, 1 / spec.expand) for box in boxes]
        answers = self._tagger.networks.recognise(decoded, heads) if spec is not None else [None] * len(boxes)
        return [
            Cutout(
                jpeg_of(Image.fromarray(cut_face(decoded, box, SIDE, EXPAND))),
                answer.embedding if answer is not None else None,
            )
            for box, answer in zip(boxes, answers, strict=True)
        ]

    def _keep(self, keys: Sequence[bytes], made: Sequence[Cutout]) -> None:
        day = int(time.time()) // _DAY
        rows = [(key, one.jpeg, _packed(one.embedding), day) for key, one in zip(keys, made, strict=True)]
        with self._lock, contextlib.suppress(sqlite3.Error):  # no room: they are made again next time
            self._connection.executemany("INSERT OR REPLACE INTO cutouts VALUES (?, ?, ?, ?)", rows)

    def _keys(self, picture: Path, boxes: Sequence[Box]) -> list[bytes] | None:
        try:
            status = picture.stat()
        except OSError:
            return None
        of_picture = hashlib.sha256(self._space)
        of_picture.update(os.fsencode(os.path.abspath(picture)))  # noqa: PTH100 - a link is another name
        of_picture.update(f"{status.st_size}:{status.st_mtime_ns}".encode())
        keys = []
        for box in boxes:
            digest = of_picture.copy()
            digest.update(repr(box.rounded()).encode())
            keys.append(digest.digest())
        return keys


def jpeg_of(image: Image.Image, quality: int = _QUALITY) -> bytes:
    """An RGB picture as a JPEG file."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def _packed(embedding: Floats | None) -> bytes | None:
    return None if embedding is None else np.ascontiguousarray(embedding, "<f4").tobytes()
